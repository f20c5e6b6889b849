// SPDX-License-Identifier: BSD-2-Clause
// Translation tables of one address space. Layout is the backend's; policy is kernel/mm's.
//
// Order of things when memory is taken away: unmap() leaves, flush(), only then give the frames
// back. A leaf that changes frame or type goes through unmap() and flush() first
// ([arm/arm] "break-before-make"); permissions alone may change in place, followed by flush().
#pragma once

#include <drupe/arch/page_table_types.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <concepts>
#include <cstdint>

namespace drupe::arch {

// Where the backend takes its tables from. Defined by the kernel (kernel/mm) or by a test.
/// A frame of zeros, reachable through the direct map. no_memory.
Result<PhysAddr> alloc_table_frame();
void free_table_frame(PhysAddr frame);
/// A word kept for such a frame, for the code of page tables; 0 at first.
std::uint64_t& table_frame_word(PhysAddr frame);

} // namespace drupe::arch

#include <drupe/arch/impl/page_table.h>

// Provided: class PageTable (movable). One writer at a time (the address space's lock); the walker
// of any CPU reads concurrently. Addresses are page aligned. None of these allocates frames for
// data; none but the flushes does TLB work unless it says so.
//   static Result<PageTable> create()            empty user half; no_memory
//   static PageTable adopt_kernel(PhysAddr root) the kernel half that boot built; its tables are
//        reachable through the direct map. Never destroyed. Leaves without Perm::user only.
//   ~PageTable()                                 frees the tables; leaves are gone already. Not
//        active on any CPU.
//   Result<void> map(VirtAddr, PhysAddr, Perm, MemoryType = normal)
//        One page; nothing is there (asserts). no_memory when a table cannot be had.
//   Result<void> map_block(VirtAddr, PhysAddr, Perm, MemoryType, std::uint64_t bytes)
//        One leaf of 2 MiB or 1 GiB, all aligned to it. The space cannot cut it afterwards.
//   std::size_t fill(VirtAddr, PageCount, Perm, choose)
//        choose(i) -> PhysAddr for each hole, page i of a range within aligned 2 MiB in which
//        something is mapped; 0 leaves it a hole. How many were filled
//   Mapping unmap(VirtAddr)                      one page; perm none when nothing was there
//   void unmap_range(VirtAddr, PageCount, each)  each(VirtAddr, Mapping); holes cost nothing
//   void for_each(VirtAddr, PageCount, each)
//   bool protect(VirtAddr, Perm)                 changes a leaf's permissions; false on a hole
//   void protect_range(VirtAddr, PageCount, decide)
//        decide(VirtAddr, Mapping) -> Perm for each leaf of the range
//   Mapping query(VirtAddr) const                perm none on a hole
//   std::uint64_t leaf_bytes(VirtAddr) const     what the leaf there covers; page_size on a hole
//   void free_tables(VirtAddr, PageCount)        gives back tables wholly inside a range without
//        leaves; flushes them itself
//   std::size_t tables() const                   frames the tables take
//   void activate(unsigned cpu)                  this CPU, whose number it is, translates user
//        addresses through it. Interrupts masked
//   static void deactivate()                     this CPU translates no user address
//   void publish()                               walkers see what was mapped before. Without it a
//        fresh mapping may fault once more
//   void flush(VirtAddr, PageCount)              no CPU uses an old translation of the range any
//   void flush_all()                             more, leaves that publish() need not follow
//   void note_frame_freed(PhysAddr)              the frame has no mapping left: checked on the
//   build
//        machine, nothing on a real one
namespace drupe::arch {
template <class P>
concept PageTableBackend = requires(P pt, VirtAddr va, PhysAddr pa, PageCount n, Perm perm) {
    { P::create() } -> std::same_as<Result<P>>;
    { P::adopt_kernel(pa) } -> std::same_as<P>;
    { pt.map(va, pa, perm, MemoryType::normal) } -> std::same_as<Result<void>>;
    { pt.map_block(va, pa, perm, MemoryType::normal, 1ul) } -> std::same_as<Result<void>>;
    {
        pt.fill(va, n, perm, [](std::size_t) { return PhysAddr{0}; })
        } -> std::same_as<std::size_t>;
    { pt.unmap(va) } -> std::same_as<Mapping>;
    pt.unmap_range(va, n, [](VirtAddr, Mapping) {});
    pt.for_each(va, n, [](VirtAddr, Mapping) {});
    pt.protect_range(va, n, [](VirtAddr, Mapping m) { return m.perm; });
    { pt.protect(va, perm) } -> std::same_as<bool>;
    { pt.query(va) } -> std::same_as<Mapping>;
    { pt.free_tables(va, n) } -> std::same_as<void>;
    { pt.activate(0u) } -> std::same_as<void>;
    { P::deactivate() } -> std::same_as<void>;
    { pt.publish() } -> std::same_as<void>;
    { pt.flush(va, n) } -> std::same_as<void>;
    { pt.flush_all() } -> std::same_as<void>;
    { note_frame_freed(pa) } -> std::same_as<void>;
};
static_assert(PageTableBackend<PageTable>);
} // namespace drupe::arch
