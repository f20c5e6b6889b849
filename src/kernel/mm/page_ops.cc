// SPDX-License-Identifier: BSD-2-Clause
// Page table entries of whole ranges: taking them out, changing what they allow, moving and copying
// them. Frames go back only after the TLBs have been flushed.
#include "space_parts.h"

#include <algorithm>

namespace drupe::mm {
namespace {

using arch::Mapping;
using arch::Perm;

// Frames whose entries are gone but which a TLB may still know.
class Batch {
public:
    Batch(arch::PageTable& table) : table_(table) {}
    ~Batch() { release(); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    void add(VirtAddr at, PhysAddr frame) {
        if (count_ == 0) first_ = at;
        last_ = at;
        frames_[count_++] = frame;
        if (count_ == most) release();
    }
    void release() {
        if (count_ == 0) return;
        table_.flush(first_, {((last_ - first_) >> page_shift) + 1});
        for (unsigned i = 0; i < count_; i++) release_frame(frames_[i]);
        count_ = 0;
    }

private:
    static constexpr unsigned most = 64;
    arch::PageTable& table_;
    VirtAddr first_{}, last_{};
    unsigned count_ = 0;
    PhysAddr frames_[most];
};

} // namespace

void AddressSpace::zap(VirtAddr at, VirtAddr end) {
    SpinGuard guard(table_lock_);
    Batch batch(table_);
    std::size_t gone = 0;
    table_.unmap_range(at, {(end - at) >> page_shift}, [&](VirtAddr va, Mapping was) {
        gone++;
        batch.add(va, was.frame);
    });
    most_resident_ = std::max(most_resident_, resident_);
    resident_ -= gone;
}

void AddressSpace::unmap_object_pages(const Region& region, std::uint64_t first) {
    if (first >= region.first_page + region.pages().n) return;
    const std::uint64_t skip = first > region.first_page ? first - region.first_page : 0;
    zap(region.begin + (skip << page_shift), region.end);
}

// Private copies are no part of the object: only entries that lead to its own frames go.
// Was there one?
bool AddressSpace::unmap_object_hole(const Region& region, std::uint64_t first, std::uint64_t end) {
    bool was_mapped = false;
    const std::uint64_t region_end = region.first_page + region.pages().n;
    first = std::max(first, region.first_page);
    end = std::min(end, region_end);
    for (std::uint64_t i = first; i < end; i++) {
        const VirtAddr at = region.begin + ((i - region.first_page) << page_shift);
        Mapping was{};
        {
            SpinGuard guard(table_lock_);
            was = table_.query(at);
        }
        if (was.perm == Perm::none || (frame_of(was.frame).flags & frame_in_cache) == 0) continue;
        zap(at, at + page_size);
        was_mapped = true;
    }
    return was_mapped;
}

// After region.perm changed.
void AddressSpace::reprotect(Region& region) {
    const bool may_write = has(region.perm, Perm::write);
    bool changed = false;
    SpinGuard guard(table_lock_);
    table_.protect_range(region.begin, region.pages(), [&](VirtAddr, Mapping m) {
        const bool is_shared = region.sharing == Sharing::shared;
        const bool writable =
            may_write && (is_shared ? region.is_writable_early() || has(m.perm, Perm::write)
                                    : is_exclusive(frame_of(m.frame)));
        const Perm perm = user_perm(region.perm, writable);
        if (has(perm, Perm::exec)) sync_instructions(m.frame);
        changed = true;
        return perm;
    });
    if (changed) table_.flush(region.begin, region.pages());
}

// The next write to each page of the range is told again, where regions do that.
void AddressSpace::hear_of_writes(VirtAddr at, VirtAddr end) {
    Guard guard(lock_);
    for (Region* r = first_above(at); r && r->begin < end; r = RegionTree::next(*r)) {
        if (!r->tells_writes) continue;
        hear_of_writes_locked(std::max(r->begin, at), std::min(r->end, end));
    }
}

void AddressSpace::hear_of_writes_locked(VirtAddr at, VirtAddr end) {
    bool changed = false;
    SpinGuard guard(table_lock_);
    table_.protect_range(at, {(end - at) >> page_shift}, [&](VirtAddr, Mapping m) {
        changed |= has(m.perm, Perm::write);
        return arch::without(m.perm, Perm::write);
    });
    if (changed) table_.flush(at, {(end - at) >> page_shift});
}

void AddressSpace::hear_of_object_writes(const Region& region, std::uint64_t first,
                                         std::uint64_t end) {
    first = std::max(first, region.first_page);
    end = std::min(end, region.first_page + region.pages().n);
    if (first >= end) return;
    const VirtAddr at = region.begin + ((first - region.first_page) << page_shift);
    hear_of_writes_locked(at, at + ((end - first) << page_shift));
}

// Entries of a region that moves. On no_memory everything is where it was.
Result<void> AddressSpace::move_pages(VirtAddr from, VirtAddr to, PageCount pages) {
    SpinGuard guard(table_lock_);
    Result<void> outcome;
    std::uint64_t moved_to = 0;
    table_.for_each(from, pages, [&](VirtAddr va, Mapping m) {
        table_lock_.assert_held();
        if (!outcome) return;
        outcome = table_.map(to + (va - from), m.frame, m.perm);
        if (outcome) moved_to = va - from + page_size;
    });
    // Both places lead to the frames now; the references stay with the one that is kept.
    const VirtAddr drop = outcome ? from : to;
    const PageCount dropped = outcome ? pages : PageCount{moved_to >> page_shift};
    table_.unmap_range(drop, dropped, [](VirtAddr, Mapping) {});
    table_.flush(drop, dropped);
    return outcome;
}

Residency AddressSpace::residency(VirtAddr at, PageCount pages) {
    Residency r{};
    const PhysAddr zeros = zero_frame();
    SpinGuard guard(table_lock_);
    table_.for_each(at, pages, [&](VirtAddr, Mapping m) {
        const Frame& frame = frame_of(m.frame);
        const bool is_anonymous = (frame.flags & frame_in_cache) == 0;
        r.present.n++;
        if (is_anonymous) r.anonymous.n++;
        if (frame.refs.load(std::memory_order_relaxed) <= 1) return;
        r.shared.n++;
        // Somebody wrote it before the address spaces that share it parted.
        if (is_anonymous && m.frame != zeros) r.shared_written.n++;
    });
    return r;
}

// One region of a clone. Both sides lose write access to private pages until one of them writes.
Result<void> AddressSpace::copy_region(const Region& from, AddressSpace& to) {
    if (from.sharing == Sharing::shared) return {}; // faults find the object's pages
    Result<void> outcome;
    SpinGuard guard(table_lock_);
    // Truncation may find regions that the copy has got already.
    NestedGuard to_guard(to.table_lock_);
    table_.protect_range(from.begin, from.pages(), [&](VirtAddr va, Mapping m) {
        to.table_lock_.assert_held();
        // What the object still has, a fault finds again.
        if (!outcome || (frame_of(m.frame).flags & frame_in_cache) != 0) return m.perm;
        const Perm perm = arch::without(m.perm, Perm::write);
        outcome = to.table_.map(va, m.frame, perm);
        if (!outcome) return m.perm;
        retain_frame(m.frame);
        to.resident_++;
        return perm;
    });
    return outcome;
}

Result<OwnPtr<AddressSpace>> AddressSpace::clone() {
    OwnPtr<AddressSpace> copy = TRY(create());
    Result<void> outcome;
    {
        Guard guard(lock_);
        AddressSpace& fresh = *copy;
        NestedGuard copy_guard(fresh.lock_);
        fresh.break_start_ = break_start_;
        fresh.break_ = break_;
        fresh.stack_top_ = stack_top_;
        fresh.mmap_top_ = mmap_top_;
        fresh.limits_ = limits_;
        for (Region* r = regions_.first(); r && outcome; r = RegionTree::next(*r)) {
            if (r->at_fork == AtFork::skip) continue;
            auto* region = new (std::nothrow) Region;
            if (!region) {
                outcome = Errc::no_memory;
                break;
            }
            region->begin = r->begin;
            region->end = r->end;
            region->copy_kind(*r);
            region->locked = Locked::no;
            region->first_page = r->first_page;
            region->grows_down = r->grows_down;
            // The pages first: once inserted, a truncation may reach the copy's table. On no_memory
            // the copy's destructor finds what is in it through the region.
            if (r->at_fork == AtFork::copy) outcome = copy_region(*r, fresh);
            fresh.insert(*region);
        }
        SpinGuard table_guard(table_lock_);
        table_.flush_all();
    }
    if (!outcome) return outcome.error();
    return copy;
}

} // namespace drupe::mm
