// SPDX-License-Identifier: BSD-2-Clause
// Physical memory: one Frame record per page of RAM, handed out by a buddy allocator behind small
// caches of single frames. Records are made chunk by chunk, when memory is first needed: a boot
// pays for the memory it uses, not for the memory there is.
#pragma once

#include <drupe/arch/direct_map.h>
#include <drupe/base/assert.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::mm {

enum FrameFlag : std::uint8_t {
    frame_free = 1,     // heads a free block of the buddy allocator
    frame_in_cache = 2, // belongs to a VmObject; its users are that object's business
    frame_synced = 4,   // instruction caches have seen its content (see sync_instructions)
    frame_slab = 8,     // cut into kernel objects of one size
    frame_large = 16,   // first frame of a large kernel object; `order` says how large
};

/// The record of one page frame. Reference counted: a frame mapped copy-on-write or sitting in a
/// page cache has several owners.
struct Frame {
    std::atomic<std::uint32_t> refs;
    std::uint8_t order;
    std::uint8_t flags; // FrameFlag; written by an owner that is alone, or under the owner's lock
    std::uint8_t slab_class;
    std::atomic<bool> is_recent; // page cache: used since reclaim last looked (VmObject::evict)
    union {
        void* owner;              // slab: its free objects
        std::uint64_t table_word; // page table: the arch's business
    };
};
static_assert(sizeof(Frame) == 16);

using MemoryRange = PhysRange;

/// Blocks of 2^order frames, order at most:
inline constexpr unsigned max_frame_order = 10;

/// Takes charge of RAM. Called once, by kernel_space_init, before any allocation; banks are sorted,
/// do not overlap and are in the direct map. Frames that `reserved` touches are not handed out
/// until frames_add gives them back; their records exist at once. The records themselves come from
/// the bank they describe. Banks too small for theirs, and banks beyond 16, are left out.
void frames_init(std::span<const MemoryRange> banks, std::span<const MemoryRange> reserved);
/// Gives back reserved memory: whole frames inside the range that nobody holds a reference to.
void frames_add(MemoryRange range);

/// Context of all that follow: any, interrupts as they are. Never sleeps.

namespace detail {
Result<PhysAddr> alloc_one();
Result<PhysAddr> alloc_block(unsigned order);
} // namespace detail
/// 2^order contiguous frames aligned to their size, refs = 1 on the first; content undefined.
/// no_memory.
inline Result<PhysAddr> alloc_frames(unsigned order = 0) {
    return order == 0 ? detail::alloc_one() : detail::alloc_block(order);
}
/// One frame of zeros. no_memory.
Result<PhysAddr> alloc_zeroed_frame();
/// The frames' last owner gives them back; no mapping and no TLB leads to them any more.
void free_frames(PhysAddr base, unsigned order = 0);

namespace detail {
struct Bank {
    std::uint64_t base;
    std::uint64_t bytes;
    Frame* records;
    std::uint64_t introduced;  // chunks whose records are made
    std::uint32_t chunk_shift; // log2 of a chunk's bytes; at most 64 chunks
    std::uint32_t chunks;
};
inline constexpr unsigned max_banks = 16;
extern Bank banks[max_banks];
extern unsigned bank_count;
[[gnu::noinline, gnu::cold]] Bank* find_bank(std::uint64_t address);
inline Bank* bank_of(std::uint64_t address) {
    if (address - banks[0].base < banks[0].bytes) [[likely]]
        return &banks[0];
    return find_bank(address);
}
} // namespace detail

/// RAM that frames_init took charge of.
inline bool is_ram(PhysAddr address) { return detail::bank_of(raw(address)) != nullptr; }
/// Precondition: is_ram(address), and the frame was allocated or reserved.
inline Frame& frame_of(PhysAddr address) {
    detail::Bank* bank = detail::bank_of(raw(address));
    DRUPE_ASSERT(bank != nullptr);
    return bank->records[(raw(address) - bank->base) >> page_shift];
}
PhysAddr address_of(const Frame& frame);

inline void retain_frame(Frame& frame) { frame.refs.fetch_add(1, std::memory_order_relaxed); }
inline void retain_frame(PhysAddr address) { retain_frame(frame_of(address)); }
namespace detail {
void give_back_one(Frame& frame, PhysAddr address);
void give_back_block(Frame& frame, PhysAddr base, unsigned order);
} // namespace detail
/// Drops one reference; the last gives the frame back.
inline void release_frame(PhysAddr address) {
    Frame& frame = frame_of(address);
    // A sole owner needs no read-modify-write: nobody else can hold a reference to raise it.
    // Acquire meets the other owners' release in fetch_sub: their last accesses come before the
    // reuse.
    if (frame.refs.load(std::memory_order_acquire) != 1) {
        const std::uint32_t before = frame.refs.fetch_sub(1, std::memory_order_acq_rel);
        DRUPE_ASSERT(before != 0);
        if (before != 1) return;
    }
    detail::give_back_one(frame, address);
}

struct MemoryStats {
    PageCount total;  // RAM in charge
    PageCount free;   // can be handed out: blocks, per-CPU caches, what has no records yet
    PageCount cached; // of these, in per-CPU caches
    PageCount slab;   // taken by the kernel heap
};
/// MemoryStats::total, which never changes after boot. Cheap.
PageCount memory_total();
/// MemoryStats::free without what CPUs keep. Cheap.
PageCount memory_free();
/// Counters that return to their start when nothing leaks.
MemoryStats memory_stats();

/// The kernel's view of RAM.
inline void* phys_to_virt(PhysAddr address) { return arch::direct_map(address); }
inline PhysAddr virt_to_phys(const void* direct_mapped) {
    return arch::direct_unmap(direct_mapped);
}

#if defined(DRUPE_HOSTED)
namespace testing {
/// Forgets all banks.
void frames_reset();
/// The n-th allocation from now on fails (1: the next), once; 0: none does.
void fail_frame_allocation(unsigned n);
/// True when fail_frame_allocation's failure happened.
bool frame_allocation_failed();
} // namespace testing
#endif

} // namespace drupe::mm
