// SPDX-License-Identifier: BSD-2-Clause
// Descriptors of the boot tables. [arm/arm] "VMSAv8-64 translation table format descriptors".
#pragma once

#include <cstdint>

extern "C" {
extern std::uint64_t boot_kernel_l0[512]; // root of the kernel half, for ever
extern std::uint64_t boot_window_l3[512]; // the boot window's pages
}

namespace drupe::arch::boot {

/// A zeroed table from the image's pool; null when it is used up. Before memory can be allocated.
std::uint64_t* take_pool_table();

inline constexpr std::uint64_t descriptor_table = 3;
inline constexpr std::uint64_t descriptor_page = 3;
inline constexpr std::uint64_t descriptor_block = 1;
inline constexpr std::uint64_t descriptor_address = 0x0000'ffff'ffff'f000;

// AF, SH = inner shareable, AttrIndx 0; AP[2] = read-only; PXN, UXN.
inline constexpr std::uint64_t access_flag = std::uint64_t{1} << 10;
inline constexpr std::uint64_t inner_shareable = std::uint64_t{3} << 8;
inline constexpr std::uint64_t read_only = std::uint64_t{1} << 7;
inline constexpr std::uint64_t pxn = std::uint64_t{1} << 53;
inline constexpr std::uint64_t uxn = std::uint64_t{1} << 54;
inline constexpr std::uint64_t not_global = std::uint64_t{1} << 11; // nG: of ASID 0 only
inline constexpr std::uint64_t kernel_text = access_flag | inner_shareable | read_only | uxn;
inline constexpr std::uint64_t kernel_rodata = kernel_text | pxn;
inline constexpr std::uint64_t kernel_data = access_flag | inner_shareable | pxn | uxn;
inline constexpr std::uint64_t kernel_device = access_flag | pxn | uxn | std::uint64_t{1} << 2;

} // namespace drupe::arch::boot
