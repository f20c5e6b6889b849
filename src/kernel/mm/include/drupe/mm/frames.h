// SPDX-License-Identifier: BSD-2-Clause
// Physical memory: one Frame record per page of RAM, handed out by a buddy allocator.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drupe::mm {

/// The record of one page frame. Reference counted: a frame mapped copy-on-write or sitting in a
/// page cache has several owners.
struct Frame {
    std::atomic<std::uint32_t> refs;
    std::uint8_t order;
    std::uint8_t flags;
    std::uint16_t slab_class;
    void* owner; // slab or page cache
};

/// RAM the platform found. Called once, before any allocation; banks do not overlap. Frames of
/// [reserved) ranges are never handed out.
struct MemoryRange {
    PhysAddr base;
    std::uint64_t bytes;
};
/// Context of all: any with interrupts as they are (frames lock, interrupts masked inside). Never
/// sleeps.

/// 2^order contiguous frames, refs = 1 on the first; content undefined. no_memory.
Result<PhysAddr> alloc_frames(unsigned order = 0);
/// One frame of zeros. no_memory.
Result<PhysAddr> alloc_zeroed_frame();
void free_frames(PhysAddr base, unsigned order = 0);

Frame& frame_of(PhysAddr address);
PhysAddr address_of(const Frame& frame);
bool is_ram(PhysAddr address);
inline void retain_frame(PhysAddr address);
/// Drops one reference; the last gives the frame back.
void release_frame(PhysAddr address);

struct MemoryStats {
    PageCount total, free, cached;
};
MemoryStats memory_stats();

/// The kernel's view of RAM.
void* phys_to_virt(PhysAddr address);
PhysAddr virt_to_phys(const void* direct_mapped);

} // namespace drupe::mm
