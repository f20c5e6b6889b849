// SPDX-License-Identifier: BSD-2-Clause
// RAM of the build machine's model is an arena of the test process; physical addresses are those of
// a board, so that code which confuses the two kinds of address crashes here.
#pragma once

#include <cstdint>

namespace drupe::arch {
inline std::uint64_t direct_map_offset = 0; // arena address - its physical address
} // namespace drupe::arch
