// SPDX-License-Identifier: BSD-2-Clause
// Pages that regions map and files read and write: a file's page cache, or shared anonymous memory.
// One implementation of the index; where pages come from is the subclass's.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/sync/spin_lock.h>

#include <cstdint>

namespace drupe::mm {

class Region;

class VmObject : public RefCounted<VmObject> {
public:
    virtual ~VmObject() = default;
    static void destroy(VmObject* object) { delete object; }

    /// The frame of page `index`, made present (fill_page) if need be, with one reference for the
    /// caller. may sleep. no_memory, io; out_of_range when index lies beyond the object's end.
    Result<PhysAddr> get_page(std::uint64_t index);
    /// Like get_page, but only what is present; no reference is taken, the caller holds the
    /// object's pages lock or knows that the page cannot go. (See page_cache lock in lock_rank.h.)

    /// Puts an existing frame in as page `index` (a boot archive's data in place). exists,
    /// no_memory.
    Result<void> adopt_page(std::uint64_t index, PhysAddr frame);
    /// Drops pages from `first` on, and unmaps them from every region that maps this object.
    void truncate(std::uint64_t first);

protected:
    /// Fills a zeroed frame with page `index`. may sleep. Default: leaves it zero.
    virtual Result<void> fill_page(std::uint64_t index, void* page);
    /// Pages at and beyond this index do not exist (SIGBUS through a mapping).
    virtual std::uint64_t page_limit() const = 0;
};

} // namespace drupe::mm
