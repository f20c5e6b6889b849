// SPDX-License-Identifier: BSD-2-Clause
// The direct map, in the largest leaves that fit. Runs once, in kernel addresses, before memory can
// be allocated: the first tables come from a pool inside the image, all others from a piece of RAM
// that the first ones make accessible.
#include <drupe/arch/aarch64/descriptor.h>
#include <drupe/arch/aarch64/memory_layout.h>
#include <drupe/arch/boot.h>
#include <drupe/arch/cache.h>

#include "boot_tables.h"

namespace drupe::arch {
namespace {

using aarch64::Descriptor;

extern "C" const char drupe_image_start[], drupe_text_end[], drupe_rodata_end[], drupe_image_end[];

struct Builder {
    std::uint64_t image;      // physical
    std::uint64_t table_next; // physical; tables are taken upwards
    std::uint64_t table_end;
    bool from_pool = true;
    bool exhausted = false;

    Descriptor* table_at(std::uint64_t pa) const {
        if (pa - image < static_cast<std::uint64_t>(drupe_image_end - drupe_image_start))
            return reinterpret_cast<Descriptor*>(KERNEL_IMAGE_BASE + KERNEL_TEXT_OFFSET +
                                                 (pa - image));
        return reinterpret_cast<Descriptor*>(DIRECT_MAP_BASE + pa);
    }
    std::uint64_t new_table();
    Descriptor* below(Descriptor& entry, std::uint64_t va, unsigned level);
    void map(std::uint64_t pa, std::uint64_t bytes, Perm perm);
    void map_leaf(std::uint64_t pa, unsigned level, Perm perm);
};

std::uint64_t Builder::new_table() {
    if (from_pool) {
        Descriptor* table = boot::take_pool_table();
        exhausted |= table == nullptr;
        return table ? image + (reinterpret_cast<std::uint64_t>(table) - KERNEL_IMAGE_BASE -
                                KERNEL_TEXT_OFFSET)
                     : 0;
    }
    if (table_next == table_end) {
        exhausted = true;
        return 0;
    }
    const std::uint64_t pa = table_next;
    table_next += page_size;
    zero_page(table_at(pa));
    return pa;
}

// The table that `entry` (at `level`) leads to. A block that is in the way becomes a table of the
// same translations: [arm/arm] "break-before-make" asks for the invalid entry and the TLBI between.
Descriptor* Builder::below(Descriptor& entry, std::uint64_t va, unsigned level) {
    if (aarch64::is_valid(entry) && aarch64::is_table(entry))
        return table_at(raw(aarch64::output_address(entry)));
    const Descriptor old = entry;
    const std::uint64_t fresh = new_table();
    if (fresh == 0) return nullptr;
    Descriptor* table = table_at(fresh);
    if (aarch64::is_valid(old)) {
        const std::uint64_t base = raw(aarch64::output_address(old));
        const std::uint64_t step = aarch64::level_span(level + 1);
        for (unsigned i = 0; i < 512; i++)
            table[i] = aarch64::leaf_descriptor(PhysAddr{base + i * step}, Perm::read,
                                                MemoryType::normal, IsolationMode::el1t, level + 1);
        entry = 0;
        asm volatile("dsb ishst\n\ttlbi vaae1is, %0\n\tdsb ish\n\tisb" ::"r"(va >> page_shift &
                                                                             0xfff'ffff'ffff)
                     : "memory");
    }
    entry = aarch64::table_descriptor(PhysAddr{fresh});
    asm volatile("dsb ishst\n\tisb" ::: "memory");
    return table;
}

void Builder::map_leaf(std::uint64_t pa, unsigned level, Perm perm) {
    const std::uint64_t va = DIRECT_MAP_BASE + pa;
    Descriptor* table = boot_kernel_l0;
    for (unsigned at = 0; at < level; at++) {
        table = below(table[aarch64::level_index(va, at)], va, at);
        if (!table) return;
    }
    // Over an older mapping of the same frame only permissions change: no break-before-make.
    table[aarch64::level_index(va, level)] = aarch64::leaf_descriptor(
        PhysAddr{pa}, perm, MemoryType::normal, IsolationMode::el1t, level);
}

void Builder::map(std::uint64_t pa, std::uint64_t bytes, Perm perm) {
    for (const std::uint64_t end = pa + bytes; pa < end && !exhausted;) {
        unsigned level = 1;
        while (level < 3 && (!is_aligned(pa, aarch64::level_span(level)) ||
                             end - pa < aarch64::level_span(level)))
            level++;
        map_leaf(pa, level, perm);
        pa += aarch64::level_span(level);
    }
}

// The part of [begin, end) outside all of `holes`, found from below, of at least `bytes`.
std::uint64_t find_gap(std::uint64_t begin, std::uint64_t end, std::uint64_t bytes,
                       std::span<const PhysRange> holes) {
    std::uint64_t at = align_up(begin, page_size);
    for (bool moved = true; moved;) {
        moved = false;
        for (const PhysRange& hole : holes) {
            const std::uint64_t hole_end = raw(hole.base) + hole.bytes;
            if (at < hole_end && raw(hole.base) < at + bytes) {
                at = align_up(hole_end, page_size);
                moved = true;
            }
        }
    }
    return at + bytes <= end ? at : 0;
}

// Tables needed for `ram` at worst: one a level below the root for each end of each bank, one for
// each started 512 GiB, and three around the image.
std::uint64_t table_bytes(std::span<const PhysRange> ram) {
    std::uint64_t tables = 6;
    for (const PhysRange& bank : ram) tables += 6 + (bank.bytes >> 39);
    return tables * page_size;
}

} // namespace

Result<PhysRange> build_direct_map(const BootInfo& boot, std::span<const PhysRange> ram,
                                   std::span<const PhysRange> reserved) {
    const std::uint64_t image = raw(boot.image);
    const std::uint64_t image_end = image + align_up(image_bytes(), page_size);
    const std::uint64_t constants_end =
        image + static_cast<std::uint64_t>(drupe_rodata_end - drupe_image_start);
    const std::uint64_t wanted = table_bytes(ram);
    std::uint64_t tables = 0;
    for (const PhysRange& bank : ram) {
        // The image is kept out by searching on both of its sides.
        const std::uint64_t end = raw(bank.base) + bank.bytes;
        if (raw(bank.base) < image && image < end) {
            tables = find_gap(image_end, end, wanted, reserved);
            if (tables == 0) tables = find_gap(raw(bank.base), image, wanted, reserved);
        } else {
            tables = find_gap(raw(bank.base), end, wanted, reserved);
        }
        if (tables != 0) break;
    }
    if (tables == 0) return Errc::no_memory;

    Builder builder{image, tables, tables + wanted};
    builder.map(tables, wanted, Perm::read | Perm::write);
    builder.from_pool = false;
    for (const PhysRange& bank : ram) {
        const std::uint64_t begin = raw(bank.base), end = begin + bank.bytes;
        if (image < begin || image >= end) {
            builder.map(begin, bank.bytes, Perm::read | Perm::write);
            continue;
        }
        builder.map(begin, image - begin, Perm::read | Perm::write);
        builder.map(image, constants_end - image, Perm::read);
        builder.map(constants_end, end - constants_end, Perm::read | Perm::write);
    }
    asm volatile("dsb ish\n\ttlbi vmalle1is\n\tdsb ish\n\tisb" ::: "memory");
    if (builder.exhausted) return Errc::no_memory;
    return PhysRange{PhysAddr{tables}, builder.table_next - tables};
}

} // namespace drupe::arch
