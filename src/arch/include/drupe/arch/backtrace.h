// SPDX-License-Identifier: BSD-2-Clause
// Walking a chain of frame records: {previous frame pointer, return address} pairs.
// [aapcs64] "The Frame Pointer".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::arch {

/// Return addresses from frame pointer `fp` outwards, as long as records lie 16-byte aligned,
/// rising, inside [low, high). Reads only there. Returns how many of `out` were filled.
std::size_t unwind(std::uint64_t fp, std::uint64_t low, std::uint64_t high,
                   std::span<std::uint64_t> out);

} // namespace drupe::arch
