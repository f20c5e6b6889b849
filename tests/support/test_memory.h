// SPDX-License-Identifier: BSD-2-Clause
// RAM for a test: an arena that plays one or more banks, at physical addresses like a board's.
#pragma once

#include <drupe/arch/direct_map.h>
#include <drupe/arch/host/mmu.h>
#include <drupe/mm/address_space.h>
#include <drupe/mm/frames.h>
#include <drupe/mm/heap.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace drupe::testing {

class TestMemory {
public:
    static constexpr std::uint64_t default_base = 0x4000'0000;

    /// One bank of `pages`, nothing reserved.
    explicit TestMemory(std::size_t pages)
        : TestMemory({{PhysAddr{default_base}, pages * page_size}}, {}) {}

    TestMemory(std::vector<mm::MemoryRange> banks, std::vector<mm::MemoryRange> reserved) {
        arch::host::Mmu::reset();
        const std::uint64_t low = raw(banks.front().base);
        const std::uint64_t high = raw(banks.back().base) + banks.back().bytes;
        arena_ = std::aligned_alloc(alignment, align_up(high - low, alignment));
        std::memset(arena_, 0xa5, high - low); // RAM is not zeroed
        arch::direct_map_offset = reinterpret_cast<std::uintptr_t>(arena_) - low;
        mm::frames_init(banks, reserved);
        free_ = free_frames();
    }
    ~TestMemory() {
        mm::testing::forget_zero_frame();
        mm::testing::frames_reset();
        std::free(arena_);
        arch::host::Mmu::reset();
    }
    TestMemory(const TestMemory&) = delete;
    TestMemory& operator=(const TestMemory&) = delete;

    static std::size_t free_frames() { return mm::memory_stats().free.n; }
    /// Frames taken since the start, what only waits for reuse not counted.
    std::size_t leaked() const {
        mm::heap_trim();
        mm::testing::forget_zero_frame();
        return free_ - free_frames();
    }

private:
    static constexpr std::size_t alignment = 4 << 20;
    void* arena_;
    std::size_t free_;
};

} // namespace drupe::testing
