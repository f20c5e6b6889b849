// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstdint>

namespace drupe::arch {
/// DIRECT_MAP_BASE of aarch64/memory_layout.h.
inline constexpr std::uint64_t direct_map_offset = 0xffff'0000'0000'0000;
} // namespace drupe::arch
