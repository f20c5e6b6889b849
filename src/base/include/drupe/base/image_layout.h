// SPDX-License-Identifier: BSD-2-Clause
// What tools/mkimage puts behind the kernel in loader.img, and the kernel reads at boot. Little
// endian, offsets from the start of the image.
#pragma once

#include <cstdint>

namespace drupe {

/// The arm64 Image header. [linux] Documentation/arm64/booting.rst
struct ImageHeader {
    std::uint32_t code[2];
    std::uint64_t text_offset;
    std::uint64_t image_size; // with everything behind the kernel
    std::uint64_t flags;
    std::uint64_t reserved[3];
    std::uint32_t magic; // "ARM\x64"
    std::uint32_t pe_offset;
};
static_assert(sizeof(ImageHeader) == 64);
inline constexpr std::uint32_t image_magic = 0x644d5241;

/// At the first page behind the kernel in memory. In a file that has not the kernel's zeroed data it
/// lies where that would begin, and the u64 behind the header says how many bytes are to move.
struct ImageAppendix {
    static constexpr std::uint64_t expected_magic = 0x31'58'50'41'50'55'52'44; // "DRUPAPX1"
    std::uint64_t magic;
    std::uint64_t symbols_offset; // of the table that trace/symbols.h describes
    std::uint64_t symbols_bytes;
    std::uint64_t bootfs_offset; // page aligned
    std::uint64_t bootfs_bytes;  // 0: none
};

} // namespace drupe
