// SPDX-License-Identifier: BSD-2-Clause
// The words that page tables and memory management share.
#pragma once

#include <drupe/base/units.h>

#include <cstdint>

namespace drupe::arch {

/// What an access may do. `user` pages belong to the program; without it they are the kernel's.
/// A program's page always has `user`; with nothing else it keeps its frame but allows no access.
enum class Perm : std::uint8_t { none = 0, read = 1, write = 2, exec = 4, user = 8 };
constexpr Perm operator|(Perm a, Perm b) {
    return static_cast<Perm>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr Perm operator&(Perm a, Perm b) {
    return static_cast<Perm>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
constexpr Perm without(Perm a, Perm b) {
    return static_cast<Perm>(static_cast<unsigned>(a) & ~static_cast<unsigned>(b));
}
constexpr bool has(Perm a, Perm b) { return (a & b) == b; }

enum class MemoryType : std::uint8_t { normal, uncached, device };

/// A leaf as found: where it points and what it allows. `none` (not even user): nothing there.
struct Mapping {
    PhysAddr frame;
    Perm perm;
};

} // namespace drupe::arch
