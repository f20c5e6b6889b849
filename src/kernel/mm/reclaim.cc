// SPDX-License-Identifier: BSD-2-Clause
// Taking pages out of objects that can bring them in again, and asking those who know of some. A
// page that the index alone has a reference to is in nobody's use: who looks it up takes a
// reference under the pages lock, so does a fault, and who keeps its content from being lost holds
// one too.
#include <drupe/mm/address_space.h>
#include <drupe/mm/last_resort.h>
#include <drupe/mm/region.h>
#include <drupe/mm/vm_object.h>

#include <drupe/arch/cache.h>

namespace drupe::mm {
namespace {
constinit Caches known{};
} // namespace

void set_caches(const Caches& caches) { known = caches; }
bool reclaim() { return known.free_some && known.free_some(); }
CacheSizes cache_sizes() { return known.sizes ? known.sizes() : CacheSizes{}; }

Result<PhysAddr> alloc_frame_waiting() {
    for (;;)
        if (const auto frame = alloc_frames(); frame.ok() || !reclaim()) return frame;
}

Result<PhysAddr> alloc_zeroed_frame_waiting() {
    const PhysAddr frame = TRY(alloc_frame_waiting());
    arch::zero_page(phys_to_virt(frame));
    return frame;
}

/// The hand of the clock is at the page.
bool VmObject::try_evict(std::uint64_t index) {
    const PhysAddr address = pages_.find(index);
    Frame& frame = frame_of(address);
    if (frame.is_recent.load(std::memory_order_relaxed)) {
        frame.is_recent.store(false, std::memory_order_relaxed);
        return false;
    }
    for (Region* r = regions_; r; r = r->next_of_object) {
        if (index - r->first_page >= r->pages().n) continue;
        if (r->locked != Locked::no) return false;
        if (r->space->unmap_object_hole(*r, index, index + 1)) return false;
    }
    // Who takes the frame from the index does so under its lock; release_frame() acquires.
    if (frame.refs.load(std::memory_order_relaxed) != 1) return false;
    pages_.remove(index);
    frame.flags &= static_cast<std::uint8_t>(~frame_in_cache);
    page_count_.store(page_count() - 1, std::memory_order_relaxed);
    release_frame(address);
    return true;
}

std::size_t VmObject::evict(std::uint64_t& hand, std::size_t looks, std::size_t most) {
    constexpr std::size_t at_a_time = 32; // with the lock held
    std::size_t gone = 0;
    while (looks != 0 && gone < most) {
        SpinGuard guard(pages_lock_);
        for (std::size_t n = 0; n < at_a_time && looks != 0 && gone < most; n++, looks--) {
            const std::uint64_t index = pages_.next(hand);
            if (index == PageIndex::limit) {
                hand = 0;
                if (page_count() == 0) return gone;
                continue;
            }
            gone += try_evict(index);
            hand = index + 1;
        }
    }
    return gone;
}

bool VmObject::discard_unkept(std::uint64_t first, std::uint64_t end) {
    if (page_count() == 0) return true;
    bool is_all = true;
    SpinGuard guard(pages_lock_);
    for (std::uint64_t i = pages_.next(first); i < end; i = pages_.next(i + 1)) {
        for (Region* r = regions_; r; r = r->next_of_object)
            r->space->unmap_object_hole(*r, i, i + 1);
        if (keeps_page(i))
            is_all = false;
        else
            drop_pages(i, i + 1);
    }
    return is_all;
}

void VmObject::hear_of_writes(std::uint64_t first, std::uint64_t end) {
    SpinGuard guard(pages_lock_);
    for (Region* r = regions_; r; r = r->next_of_object)
        if (r->tells_writes) r->space->hear_of_object_writes(*r, first, end);
}

Result<bool> VmObject::note_page_written(std::uint64_t index, PhysAddr frame) {
    SpinGuard guard(pages_lock_);
    if (pages_.find(index) != frame) return false;
    frame_of(frame).is_recent.store(true, std::memory_order_relaxed);
    TRY(page_written(index, frame));
    return true;
}

} // namespace drupe::mm
