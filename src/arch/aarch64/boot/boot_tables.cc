// SPDX-License-Identifier: BSD-2-Clause
// The first translation tables, built with the MMU off by code that runs at its physical address.
// Therefore: no absolute addresses (no vtables, no tables of pointers), no stack protector, aligned
// accesses only. The tables map the image section by section, the boot stack, an identity page to
// switch on, and the device tree's 2 MiB blocks in the direct map.
#include <drupe/arch/aarch64/memory_layout.h>

#include <cstddef>
#include <cstdint>

#include "boot_tables.h"

extern "C" {
alignas(4096) std::uint64_t boot_kernel_l0[512];
alignas(4096) std::uint64_t boot_idmap_l0[512];
alignas(4096) std::uint64_t boot_window_l3[512];
alignas(4096) char boot_stack[BOOT_STACK_BYTES];
extern const char drupe_image_start[], drupe_text_end[], drupe_rodata_end[], drupe_image_end[];
void boot_build_tables(std::uint64_t image, std::uint64_t device_tree);
}

namespace drupe::arch::boot {
namespace {

using Table = std::uint64_t[512];

// Levels 1 to 3 of the image, levels 1 and 2 of the identity page, level 1 and up to twice level 2
// of the direct map. A few more for build_direct_map's first steps.
constexpr std::size_t pool_tables = 12;
alignas(4096) Table pool[pool_tables];
std::size_t pool_used;

constexpr std::uint64_t index_of(std::uint64_t va, unsigned level) {
    return va >> (39 - 9 * level) & 511;
}

// The table below entry `index`; made when absent. With the MMU off a pointer is a physical
// address.
std::uint64_t* next_table(std::uint64_t* table, std::uint64_t index) {
    if ((table[index] & 1) == 0)
        table[index] = reinterpret_cast<std::uint64_t>(pool[pool_used++]) | descriptor_table;
    return reinterpret_cast<std::uint64_t*>(table[index] & descriptor_address);
}

std::uint64_t* level2_entry(std::uint64_t* root, std::uint64_t va) {
    std::uint64_t* l1 = next_table(root, index_of(va, 0));
    std::uint64_t* l2 = next_table(l1, index_of(va, 1));
    return &l2[index_of(va, 2)];
}

void map_pages(std::uint64_t va, std::uint64_t pa, std::uint64_t bytes, std::uint64_t attributes) {
    std::uint64_t* l1 = next_table(boot_kernel_l0, index_of(va, 0));
    std::uint64_t* l2 = next_table(l1, index_of(va, 1));
    std::uint64_t* l3 = next_table(l2, index_of(va, 2));
    for (std::uint64_t at = 0; at < bytes; at += 4096)
        l3[index_of(va + at, 3)] = (pa + at) | attributes | descriptor_page;
}

void map_section(std::uint64_t image, const char* from, const char* to, std::uint64_t attributes) {
    const std::uint64_t start = reinterpret_cast<std::uint64_t>(from);
    const std::uint64_t size = reinterpret_cast<std::uint64_t>(to) - start;
    map_pages(KERNEL_IMAGE_BASE + KERNEL_TEXT_OFFSET + (start - image), start, size, attributes);
}

} // namespace

std::uint64_t* take_pool_table() { return pool_used == pool_tables ? nullptr : pool[pool_used++]; }

} // namespace drupe::arch::boot

void boot_build_tables(std::uint64_t image, std::uint64_t device_tree) {
    using namespace drupe::arch::boot;
    map_section(image, drupe_image_start, drupe_text_end, kernel_text);
    map_section(image, drupe_text_end, drupe_rodata_end, kernel_rodata);
    map_section(image, drupe_rodata_end, drupe_image_end, kernel_data);
    *level2_entry(boot_kernel_l0, BOOT_WINDOW_BASE) =
        reinterpret_cast<std::uint64_t>(boot_window_l3) | descriptor_table;
    map_pages(BOOT_STACK_TOP_VA - BOOT_STACK_BYTES, reinterpret_cast<std::uint64_t>(boot_stack),
              BOOT_STACK_BYTES, kernel_data);

    constexpr std::uint64_t block_mask = ~std::uint64_t{0x1fffff};
    *level2_entry(boot_idmap_l0, image) =
        (image & block_mask) | kernel_text | not_global | descriptor_block;
    // A device tree lies 8-byte aligned anywhere and is at most 2 MiB long: two blocks.
    for (std::uint64_t pa = device_tree & block_mask;
         device_tree != 0 && pa < device_tree + 0x200000; pa += 0x200000)
        *level2_entry(boot_kernel_l0, DIRECT_MAP_BASE + pa) = pa | kernel_rodata | descriptor_block;
}
