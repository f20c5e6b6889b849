// SPDX-License-Identifier: BSD-2-Clause
// Where a program's parts go, from one seed. Private to exec. The ranges are those of Linux on
// arm64 with 48 address bits, so that programs see addresses as they are used to.
#pragma once

#include <drupe/base/units.h>
#include <drupe/mm/address_space.h>

#include <cstdint>

namespace drupe::exec {

class Placement {
public:
    Placement(std::uint64_t seed, bool randomize) : state_(seed), randomize_(randomize) {}

    /// The base of a movable program of `size` bytes: two thirds up, plus up to 1 TiB. Always
    /// leaves room for it below the stack, unless it is as large as that itself.
    VirtAddr program(std::uint64_t size) {
        const std::uint64_t end = raw(mm::AddressSpace::user_end);
        const std::uint64_t spread = pages_below(1ull << 40);
        const VirtAddr base = VirtAddr{align_down(end / 3 * 2, page_size) + spread};
        const std::uint64_t kept_for_stack = 1ull << 36;
        if (size < end - kept_for_stack - raw(base)) return base;
        return mm::AddressSpace::user_begin;
    }
    /// Up to 1 GiB behind the program.
    VirtAddr brk(VirtAddr program_end) { return program_end + pages_below(1ull << 30); }
    /// Between the strings and the pointers.
    std::uint64_t stack_gap() { return randomize_ ? next() % 8192 : 0; }

private:
    std::uint64_t pages_below(std::uint64_t bytes) {
        return randomize_ ? align_down(next() % bytes, page_size) : 0;
    }
    // splitmix64: a seed of good randomness in, independent numbers out.
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e37'79b9'7f4a'7c15);
        z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
        return z ^ z >> 31;
    }
    std::uint64_t state_;
    bool randomize_;
};

} // namespace drupe::exec
