// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/aarch64/memory_layout.h>
#include <drupe/arch/boot.h>
#include <drupe/base/image_layout.h>

#include "boot_tables.h"

namespace drupe::arch {

extern "C" const char drupe_image_start[], drupe_image_end[];

const void* boot_device_tree(const BootInfo& boot) {
    if (raw(boot.device_tree) == 0) return nullptr;
    return reinterpret_cast<const void*>(DIRECT_MAP_BASE + raw(boot.device_tree));
}

std::uint64_t kernel_base() { return reinterpret_cast<std::uint64_t>(drupe_image_start); }

std::uint64_t kernel_bytes() {
    return static_cast<std::uint64_t>(drupe_image_end - drupe_image_start);
}

PhysAddr kernel_root_table() {
    std::uint64_t ttbr1;
    asm("mrs %0, ttbr1_el1" : "=r"(ttbr1));
    return PhysAddr{ttbr1 & boot::descriptor_address}; // TTBR1_EL1.BADDR; CnP and ASID masked off
}

std::uint64_t image_bytes() {
    return reinterpret_cast<const ImageHeader*>(drupe_image_start)->image_size;
}

Result<volatile void*> map_boot_device(PhysAddr registers) {
    static unsigned used = 0;
    if (used == BOOT_DEVICE_PAGES) return Errc::no_memory;
    const unsigned slot = (BOOT_DEVICE_BASE - BOOT_WINDOW_BASE) / page_size + used;
    const std::uint64_t va = BOOT_DEVICE_BASE + page_size * used++;
    boot_window_l3[slot] =
        raw(align_down(registers, page_size)) | boot::kernel_device | boot::descriptor_page;
    asm volatile("dsb ishst\n\tisb" ::: "memory");
    return reinterpret_cast<volatile void*>(va + (raw(registers) & page_mask));
}

} // namespace drupe::arch
