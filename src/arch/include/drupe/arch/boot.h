// SPDX-License-Identifier: BSD-2-Clause
// From the entry stub to the kernel: what the machine handed over, and the making of the direct
// map.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::arch {

/// What the entry stub knows; it writes this structure.
struct BootInfo {
    PhysAddr device_tree; // 0: none
    PhysAddr image;       // where the image was loaded
    std::uint64_t exception_level;
};

/// The device tree, readable up to 2 MiB from its start; null when there is none.
const void* boot_device_tree(const BootInfo& boot);

/// Where the kernel runs: its first byte's address.
std::uint64_t kernel_base();
/// Length of the kernel itself, and of the whole image, what was appended included.
std::uint64_t kernel_bytes();
std::uint64_t image_bytes();
/// The kernel half's top translation table.
PhysAddr kernel_root_table();

/// Makes all of `ram` accessible in the direct map, the image's text and constants read-only.
/// Tables come out of `ram`, outside of `reserved` (sorted or not, overlaps allowed) and of the
/// image; the range they took is returned and belongs to the kernel from now on. Once, before
/// anything else uses the direct map. no_memory: no place for the tables.
Result<PhysRange> build_direct_map(const BootInfo& boot, std::span<const PhysRange> ram,
                                   std::span<const PhysRange> reserved);

/// An early, never removed mapping of one page of device registers. no_memory: all slots are used.
Result<volatile void*> map_boot_device(PhysAddr registers);

} // namespace drupe::arch
