// SPDX-License-Identifier: BSD-2-Clause
// Free blocks of 2^order frames. Not locked: frames.cc is its only user. A free block's links lie
// in its own first page; its order and the free flag in its first record.
#pragma once

#include <drupe/mm/frames.h>

namespace drupe::mm {

class Buddy {
public:
    /// A block of exactly 2^order frames, split from a larger one if need be; no address 0 exists.
    bool take(unsigned order, PhysAddr& out);
    /// Merges with free neighbours. No reference to the frames exists.
    void put(PhysAddr base, unsigned order);
    /// [from, to), page aligned, as the fewest blocks.
    void put_range(std::uint64_t from, std::uint64_t to);
    std::size_t free_frames() const { return free_; }

private:
    struct Block {
        Block* prev;
        Block* next;
    };
    void push(PhysAddr base, unsigned order);
    void unlink(PhysAddr base, unsigned order);

    Block* heads_[max_frame_order + 1] = {};
    std::uint32_t not_empty_ = 0; // bit per order
    std::size_t free_ = 0;
};

namespace detail {
/// One frame, not by way of a CPU's stock; false: there is none. Any context.
bool take_from_buddy(PhysAddr& out);
} // namespace detail

} // namespace drupe::mm
