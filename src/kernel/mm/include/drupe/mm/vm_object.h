// SPDX-License-Identifier: BSD-2-Clause
// Pages that regions map and files read and write: a file's page cache, or shared anonymous memory.
// One implementation of the index; where pages come from is the subclass's.
//
// How a page stays alive while it is used: the index holds one reference to each frame, every
// mapped entry another, and get_page() hands out a third. A lookup takes its reference under the
// pages lock, which removal takes too; so a frame found is a frame held.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/mm/frames.h>
#include <drupe/mm/page_index.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>
#include <cstdint>

namespace drupe::mm {

class Region;
class AddressSpace;

/// A fault on an object's page also maps those of its aligned group of this many that are present.
inline constexpr std::uint64_t fault_around_pages = 16;

namespace detail {
void sync_instructions(Frame& frame, PhysAddr address);
}
/// Makes instructions in the frame fetchable, once for its content.
inline void sync_instructions(Frame& frame, PhysAddr address) {
    if ((frame.flags & frame_synced) == 0) detail::sync_instructions(frame, address);
}
inline void sync_instructions(PhysAddr frame) { sync_instructions(frame_of(frame), frame); }
/// The kernel wrote to the frame: instructions in it are to be synchronised again when next mapped.
void note_frame_written(PhysAddr frame);

class VmObject : public RefCounted<VmObject> {
public:
    VmObject() = default;
    virtual ~VmObject();
    static void destroy(VmObject* object) { delete object; }

    /// The frame of page `index`, made present if need be, with one reference for the caller
    /// (release_frame). May sleep when the page is not present. no_memory, io; out_of_range when
    /// the index lies beyond the object's end.
    Result<PhysAddr> get_page(std::uint64_t index) {
        {
            SpinGuard guard(pages_lock_);
            const PhysAddr frame = pages_.find(index);
            if (raw(frame) != 0) [[likely]] {
                retain_frame(frame);
                return frame;
            }
        }
        return make_page(index);
    }
    /// The same, but address 0 when the page is not present. Never sleeps.
    PhysAddr get_present_page(std::uint64_t index);

    /// Puts an existing frame in as page `index` (a boot archive's data in place) and takes a
    /// reference to it; on an error none. exists, no_memory, out_of_range.
    Result<void> adopt_page(std::uint64_t index, PhysAddr frame);
    /// Drops pages from `first` on, and unmaps them from every region that maps this object,
    /// private copies included. The subclass has lowered page_limit() before.
    void truncate(std::uint64_t first);

    /// Takes out up to `most` pages that are of no use to anybody else, looking at up to `looks`
    /// from `hand` on, which moves and begins anew at the end: a clock. A page that was used since
    /// the hand last passed stays until it passes again; of those, mapped ones are unmapped, so
    /// that use shows as a fault. How many were taken out. For objects that can bring them in again
    /// (make_page) and hold on to frames that are not to go. Any thread.
    std::size_t evict(std::uint64_t& hand, std::size_t looks, std::size_t most);
    /// Takes the pages [first, end) out, from mappings too, but for those that keeps_page() keeps.
    /// False: there was one.
    bool discard_unkept(std::uint64_t first, std::uint64_t end);
    /// Mappings that tell of writes (Region::tells_writes) tell of the next one to these pages.
    void hear_of_writes(std::uint64_t first, std::uint64_t end);
    /// Somebody with a reference to `frame` wrote to it as page `index`. False: it is that page no
    /// more, and what was written to it is lost. no_memory.
    Result<bool> note_page_written(std::uint64_t index, PhysAddr frame);

    /// Changes made through shared mappings are made lasting in what lies below the object (msync).
    /// May sleep. io.
    virtual Result<void> write_back() { return {}; }
    /// Drops the pages [first, end), a hole: mappings read zeros there, private copies stay.
    void discard(std::uint64_t first, std::uint64_t end);
    /// The first page >= `from` that is present; PageIndex::limit when none is.
    std::uint64_t next_page(std::uint64_t from);
    /// How many pages are present.
    std::uint64_t page_count() const { return page_count_.load(std::memory_order_relaxed); }

    /// For /proc: tells shared anonymous memory apart, which no file names. 0: of a file.
    virtual std::uint64_t anonymous_number() const { return 0; }

protected:
    /// Where page `index` lies in memory already (a boot archive): the index takes that frame and a
    /// reference to it, and a miss brings in its neighbours too. Never sleeps. Default: address 0,
    /// nowhere; then the page is a fresh frame that fill_page() fills.
    virtual PhysAddr page_in_place(std::uint64_t index);
    /// Fills a zeroed frame with page `index`. May sleep. Default: leaves it zero. io.
    virtual Result<void> fill_page(std::uint64_t index, void* page);
    /// Brings in page `index`, which was not there, with one reference for the caller. Default: as
    /// the two above say. May sleep. no_memory, io, out_of_range.
    virtual Result<PhysAddr> make_page(std::uint64_t index);
    /// A program may write to the page, from now on until the next hear_of_writes() for it, or has
    /// done so. With the pages lock held. no_memory.
    virtual Result<void> page_written(std::uint64_t, PhysAddr) { return {}; }
    /// With the pages lock held.
    virtual bool keeps_page(std::uint64_t) const { return false; }
    /// Pages at and beyond this index do not exist (SIGBUS through a mapping). Never sleeps.
    virtual std::uint64_t page_limit() const = 0;

private:
    friend class AddressSpace;
    Result<PhysAddr> fill_fresh_page(std::uint64_t index);
    void adopt_neighbours(std::uint64_t index);
    /// Puts `frame` in and takes a reference. exists, no_memory, out_of_range.
    Result<void> insert(std::uint64_t index, PhysAddr frame);
    void drop_pages(std::uint64_t first, std::uint64_t end) REQUIRES(pages_lock_);
    bool try_evict(std::uint64_t index) REQUIRES(pages_lock_);
    void attach(Region& region) REQUIRES(pages_lock_);
    void detach(Region& region) REQUIRES(pages_lock_);

    SpinLock<LockRank::page_cache> pages_lock_;
    PageIndex pages_ GUARDED_BY(pages_lock_);
    std::atomic<std::uint64_t> page_count_{0};          // written under the lock
    Region* regions_ GUARDED_BY(pages_lock_) = nullptr; // chained through the regions
};

/// Memory that processes share: zeros at first, gone with the last reference. no_memory.
Result<RefPtr<VmObject>> make_anonymous_object(PageCount pages);

} // namespace drupe::mm
