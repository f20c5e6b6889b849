// SPDX-License-Identifier: BSD-2-Clause
// Page faults: what an access finds, and what is made so that it succeeds the next time.
#include "space_parts.h"

#include <drupe/arch/cache.h>
#include <drupe/mm/last_resort.h>

namespace drupe::mm {
namespace {

using arch::Access;
using arch::Mapping;
using arch::Perm;

// The hardware reads what may be written or executed.
bool permits(Perm perm, Access access) {
    switch (access) {
    case Access::read: return perm != Perm::none;
    case Access::write: return has(perm, Perm::write);
    case Access::exec: return has(perm, Perm::exec);
    }
    return false;
}
// `perm` as found in the table: with user, read implied.
bool table_permits(Perm perm, Access access) {
    return permits(arch::without(perm, Perm::user), access);
}

constinit std::atomic<PhysAddr> shared_zeros{PhysAddr{0}};

} // namespace

// Made at the first use and kept: 0 when there was no memory even for that.
PhysAddr zero_frame() {
    PhysAddr frame = shared_zeros.load(std::memory_order_acquire);
    if (raw(frame) != 0) return frame;
    const auto fresh = alloc_zeroed_frame();
    if (!fresh) return PhysAddr{0};
    // Release: the zeros before the address. Pairs with the load above.
    if (shared_zeros.compare_exchange_strong(frame, fresh.value(), std::memory_order_acq_rel))
        return fresh.value();
    release_frame(fresh.value());
    return frame;
}

#if defined(DRUPE_HOSTED)
namespace testing {
void forget_zero_frame() {
    const PhysAddr frame = shared_zeros.exchange(PhysAddr{0}, std::memory_order_relaxed);
    if (raw(frame) != 0) release_frame(frame);
}
} // namespace testing
#endif

Region* AddressSpace::grow(Region& stack, VirtAddr page, FaultOutcome& why) {
    const Region* below = RegionTree::prev(stack);
    const std::uint64_t more = stack.begin - page;
    const bool over_limit = stack.end - page > limits_.stack;
    const bool near = stack.end - page <= limits_.stack + stack_gap;
    // A neighbour that allows nothing is a guard itself.
    const bool gap_gone =
        below && below->perm != Perm::none && (page < below->end || page - below->end < stack_gap);
    const bool collides = below && page < below->end;
    if (over_limit || gap_gone || collides || page < user_begin ||
        mapped_ + (more >> page_shift) > limits_.address_space >> page_shift ||
        (stack.locked != Locked::no && !may_lock(more >> page_shift))) {
        why = near ? FaultOutcome::stack_overflow : FaultOutcome::no_mapping;
        return nullptr;
    }
    set_bounds(stack, page, stack.end);
    last_ = &stack;
    return &stack;
}

Region* AddressSpace::find_or_grow(VirtAddr page, FaultOutcome& why) {
    if (last_ && last_->contains(page)) return last_;
    Region* r = first_above(page);
    why = FaultOutcome::no_mapping;
    if (!r) return nullptr;
    if (!r->contains(page)) return r->grows_down ? grow(*r, page, why) : nullptr;
    last_ = r;
    return r;
}

[[gnu::always_inline]] inline FaultOutcome AddressSpace::try_fault(VirtAddr page, Access access) {
    for (;;) {
        RefPtr<VmObject> object;
        std::uint64_t index;
        {
            Guard guard(lock_);
            FaultOutcome outcome;
            Region* region = find_or_grow(page, outcome);
            if (!region) return outcome;
            if (!permits(region->perm, access)) return FaultOutcome::no_permission;
            if (!region->object) {
                SpinGuard table_guard(table_lock_);
                return fault_anonymous(*region, page, access);
            }
            bool absent = false;
            outcome = fault_object(*region, page, access, absent);
            if (!absent) return outcome;
            object = region->object;
            index = region->page_index(page);
        }
        // Nothing is held while the page is brought in; then everything is looked at afresh.
        const auto frame = object->get_page(index);
        if (!frame)
            return frame.error() == Errc::no_memory ? FaultOutcome::no_memory
                                                    : FaultOutcome::beyond_object;
        release_frame(frame.value());
    }
}

FaultOutcome AddressSpace::fault(VirtAddr address, Access access) {
    if (address >= user_end) return FaultOutcome::no_mapping;
    const VirtAddr page = align_down(address, page_size);
    for (;;) {
        const FaultOutcome outcome = try_fault(page, access);
        if (outcome != FaultOutcome::no_memory || !reclaim()) [[likely]]
            return outcome;
    }
}

// Puts a frame whose reference becomes the entry's. False: no memory for a table.
bool AddressSpace::enter(const Region& region, VirtAddr page, PhysAddr frame, bool writable) {
    if (has(region.perm, Perm::exec)) sync_instructions(frame);
    if (!table_.map(page, frame, user_perm(region.perm, writable))) return false;
    resident_++;
    return true;
}

FaultOutcome AddressSpace::fault_anonymous(const Region& region, VirtAddr page, Access access) {
    const Mapping present = table_.query(page);
    if (present.perm != Perm::none) return fault_present(region, page, present, access);
    PhysAddr frame{0};
    if (access == Access::read) {
        frame = zero_frame();
        if (raw(frame) == 0) return FaultOutcome::no_memory;
        retain_frame(frame);
    } else {
        const auto fresh = alloc_zeroed_frame();
        if (!fresh) return FaultOutcome::no_memory;
        frame = fresh.value();
    }
    if (!enter(region, page, frame, access != Access::read)) {
        release_frame(frame);
        return FaultOutcome::no_memory;
    }
    table_.publish();
    return FaultOutcome::resolved;
}

FaultOutcome AddressSpace::fault_present(const Region& region, VirtAddr page, Mapping present,
                                         Access access) {
    // Else somebody else was faster, or this CPU's TLB holds what the entry was before.
    if (!table_permits(present.perm, access)) {
        const bool is_alone = is_exclusive(frame_of(present.frame));
        const bool is_shared = region.sharing == Sharing::shared;
        if (access == Access::write && !is_shared && !is_alone)
            return copy_private(region, page, present.frame);
        if (has(region.perm, Perm::exec)) sync_instructions(present.frame);
        const bool was_written = has(present.perm, Perm::write);
        if (region.tells_writes && access == Access::write && !was_written) {
            if (!region.object->page_written(region.page_index(page), present.frame))
                return FaultOutcome::no_memory;
            region.file->written();
        }
        const bool is_writable =
            is_shared ? region.is_writable_early() || was_written || access == Access::write
                      : is_alone;
        table_.protect(page, user_perm(region.perm, is_writable));
    }
    table_.flush(page, {1});
    return FaultOutcome::resolved;
}

// The first write to a private page that has other owners.
FaultOutcome AddressSpace::copy_private(const Region& region, VirtAddr page, PhysAddr old) {
    const bool zeros = old == zero_frame();
    const auto fresh = zeros ? alloc_zeroed_frame() : alloc_frames();
    if (!fresh) return FaultOutcome::no_memory;
    // Nobody in this space can write to the old frame meanwhile: its entry is read-only.
    if (!zeros) arch::copy_page(phys_to_virt(fresh.value()), phys_to_virt(old));
    table_.unmap(page);
    table_.flush(page, {1});
    resident_--;
    const bool entered = enter(region, page, fresh.value(), true);
    DRUPE_ASSERT(entered); // its table exists
    release_frame(old);
    table_.publish();
    return FaultOutcome::resolved;
}

FaultOutcome AddressSpace::fault_object(Region& region, VirtAddr page, Access access,
                                        bool& absent) {
    VmObject& object = *region.object;
    // Under the object's lock, so that truncation either sees the entry or has taken the page away.
    SpinGuard object_guard(object.pages_lock_);
    SpinGuard table_guard(table_lock_);
    const Mapping present = table_.query(page);
    if (present.perm != Perm::none) return fault_present(region, page, present, access);
    const PhysAddr frame = object.pages_.find(region.page_index(page));
    if (raw(frame) == 0) {
        absent = true;
        return FaultOutcome::resolved;
    }
    if (access == Access::write && region.sharing == Sharing::private_copy) {
        const auto fresh = alloc_frames();
        if (!fresh) return FaultOutcome::no_memory;
        arch::copy_page(phys_to_virt(fresh.value()), phys_to_virt(frame));
        if (!enter(region, page, fresh.value(), true)) {
            release_frame(fresh.value());
            return FaultOutcome::no_memory;
        }
    } else {
        retain_frame(frame);
        const bool is_write = region.sharing == Sharing::shared && access == Access::write;
        frame_of(frame).is_recent.store(true, std::memory_order_relaxed);
        if (is_write && region.tells_writes &&
            !object.page_written(region.page_index(page), frame)) {
            release_frame(frame);
            return FaultOutcome::no_memory;
        }
        if (!enter(region, page, frame, region.is_writable_early() || is_write)) {
            release_frame(frame);
            return FaultOutcome::no_memory;
        }
        // Here it costs nothing: also where a write is not told that finds the page.
        if (is_write && region.file) region.file->written();
        map_around(region, object, page);
    }
    table_.publish();
    return FaultOutcome::resolved;
}

// The present neighbours of an object's page that was just entered.
void AddressSpace::map_around(Region& region, VmObject& object, VirtAddr page) {
    const VirtAddr group = align_down(page, fault_around_pages * page_size);
    const VirtAddr from = std::max(group, region.begin);
    const VirtAddr to = std::min(group + fault_around_pages * page_size, region.end);
    const bool is_code = has(region.perm, Perm::exec);
    const Perm perm = user_perm(region.perm, region.is_writable_early());
    PageIndex::Cursor present(object.pages_);
    resident_ += table_.fill(from, {(to - from) / page_size}, perm,
                             [&, first = region.page_index(from)](std::size_t i) {
                                 const PhysAddr address = present.find(first + i);
                                 if (raw(address) == 0) return address;
                                 Frame& frame = frame_of(address);
                                 retain_frame(frame);
                                 if (is_code) sync_instructions(frame, address);
                                 return address;
                             });
}

Result<void> AddressSpace::populate(VirtAddr at, PageCount pages, Access access) {
    const VirtAddr end = at + pages.bytes();
    for (VirtAddr page = at; page < end; page = page + page_size) {
        FaultOutcome outcome = fault(page, access);
        if (outcome == FaultOutcome::no_permission && access == Access::write)
            outcome = fault(page, Access::read);
        switch (outcome) {
        case FaultOutcome::resolved: break;
        case FaultOutcome::no_permission:
        case FaultOutcome::beyond_object: return Errc::fault;
        default: return Errc::no_memory;
        }
    }
    return {};
}

} // namespace drupe::mm
