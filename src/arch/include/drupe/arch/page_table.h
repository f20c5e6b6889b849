// SPDX-License-Identifier: BSD-2-Clause
// Translation tables of one address space. Layout is the backend's; policy is kernel/mm's.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <concepts>
#include <cstdint>

namespace drupe::arch {

/// What an access may do. `user` pages belong to the program; without it they are the kernel's.
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

/// A leaf as found: where it points and what it allows.
struct Mapping {
    PhysAddr frame;
    Perm perm;
};

} // namespace drupe::arch

#include <drupe/arch/impl/page_table.h>

// Provided: class PageTable. One writer at a time (the address space's lock); the walker of any CPU
// reads concurrently. Addresses are page aligned. None of these allocates frames for data.
//   static Result<PageTable> create()            empty user half; no_memory
//   Result<void> map(VirtAddr, PhysAddr, Perm, MemoryType = normal)
//        One page; the entry must be invalid (asserts). no_memory when a table cannot be had.
//   Mapping unmap(VirtAddr)                      one page; perm none when nothing was there. No TLB
//   work template <class F> void unmap_range(VirtAddr, PageCount, F&& each)   each(VirtAddr,
//   Mapping)
//        Removes leaves, skipping holes a table at a time. No TLB work.
//   template <class F> void for_each(VirtAddr, PageCount, F&& each)
//   bool protect(VirtAddr, Perm)                 changes a valid leaf's permissions; false on a
//   hole Mapping query(VirtAddr) const                perm none on a hole void
//   free_tables(VirtAddr, PageCount)        gives back table frames wholly inside an unmapped range
//   void activate()                              this CPU translates user addresses through it
//   void flush(VirtAddr, PageCount)              no CPU uses an old translation of the range any
//   more void flush_all()
namespace drupe::arch {
template <class P>
concept PageTableBackend = requires(P pt, VirtAddr va, PhysAddr pa, PageCount n, Perm perm) {
    { P::create() } -> std::same_as<Result<P>>;
    { pt.map(va, pa, perm, MemoryType::normal) } -> std::same_as<Result<void>>;
    { pt.unmap(va) } -> std::same_as<Mapping>;
    { pt.protect(va, perm) } -> std::same_as<bool>;
    { pt.query(va) } -> std::same_as<Mapping>;
    { pt.activate() } -> std::same_as<void>;
    { pt.flush(va, n) } -> std::same_as<void>;
};
static_assert(PageTableBackend<PageTable>);
} // namespace drupe::arch
