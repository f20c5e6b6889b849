// SPDX-License-Identifier: BSD-2-Clause
// What is played and what belongs to the simulation itself.
#pragma once

#include <cstddef>

namespace weak {

/// Within its scope nothing is played: the simulation's own code may be instrumented too (templates
/// of the standard library, of which the linker keeps one copy).
class NotPlayed {
public:
    NotPlayed() { ++depth; }
    ~NotPlayed() { --depth; }
    NotPlayed(const NotPlayed&) = delete;
    NotPlayed& operator=(const NotPlayed&) = delete;
    static inline unsigned depth = 0;
};

/// Heap storage begins and ends its life.
void storage_begins(void* at, std::size_t bytes);
void storage_ends(void* at, std::size_t bytes, const void* site);

} // namespace weak
