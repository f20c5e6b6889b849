// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/mm/vm_object.h>

#include <drupe/arch/cache.h>
#include <drupe/mm/address_space.h>
#include <drupe/mm/last_resort.h>
#include <drupe/mm/region.h>

#include <algorithm>

namespace drupe::mm {

void detail::sync_instructions(Frame& frame, PhysAddr address) {
    arch::icache_sync({static_cast<const std::byte*>(phys_to_virt(address)), page_size});
    frame.flags |= frame_synced;
}

void note_frame_written(PhysAddr address) {
    Frame& frame = frame_of(address);
    frame.flags &= static_cast<std::uint8_t>(~frame_synced);
}

VmObject::~VmObject() {
    DRUPE_ASSERT(regions_ == nullptr);
    pages_.remove_from(0, [](PhysAddr frame) {
        frame_of(frame).flags &= static_cast<std::uint8_t>(~frame_in_cache);
        release_frame(frame);
    });
}

PhysAddr VmObject::get_present_page(std::uint64_t index) {
    SpinGuard guard(pages_lock_);
    const PhysAddr frame = pages_.find(index);
    if (raw(frame) != 0) retain_frame(frame);
    return frame;
}

Result<void> VmObject::insert(std::uint64_t index, PhysAddr frame) {
    SpinGuard guard(pages_lock_);
    // Again, now that truncate() cannot pass: it lowers the limit before it takes the lock.
    if (index >= std::min(page_limit(), PageIndex::limit)) return Errc::out_of_range;
    if (raw(pages_.find(index)) != 0) return Errc::exists;
    TRY(pages_.insert(index, frame));
    retain_frame(frame);
    frame_of(frame).flags |= frame_in_cache;
    frame_of(frame).is_recent.store(true, std::memory_order_relaxed);
    page_count_.store(page_count() + 1, std::memory_order_relaxed);
    return {};
}

Result<PhysAddr> VmObject::make_page(std::uint64_t index) {
    if (index >= std::min(page_limit(), PageIndex::limit)) return Errc::out_of_range;
    const PhysAddr in_place = page_in_place(index);
    if (raw(in_place) == 0) return fill_fresh_page(index);
    const auto in = insert(index, in_place);
    if (!in && in.error() != Errc::exists) return in.error();
    adopt_neighbours(index);
    return get_page(index);
}

Result<PhysAddr> VmObject::fill_fresh_page(std::uint64_t index) {
    const PhysAddr fresh = TRY(alloc_zeroed_frame_waiting());
    auto in = fill_page(index, phys_to_virt(fresh));
    if (in) in = insert(index, fresh);
    if (in) return fresh; // with the reference it was born with
    release_frame(fresh);
    // Somebody else was faster: the frame that is in is looked up like any other.
    return in.error() == Errc::exists ? get_page(index) : in.error();
}

void VmObject::adopt_neighbours(std::uint64_t index) {
    const std::uint64_t begin = index & ~std::uint64_t{fault_around_pages - 1};
    for (std::uint64_t i = begin; i < begin + fault_around_pages; i++) {
        if (i == index || i >= page_limit()) continue;
        const PhysAddr frame = page_in_place(i);
        if (raw(frame) == 0) continue;
        const auto in = insert(i, frame);
        if (!in && in.error() == Errc::no_memory) return;
    }
}

Result<void> VmObject::adopt_page(std::uint64_t index, PhysAddr frame) {
    return insert(index, frame);
}

void VmObject::truncate(std::uint64_t first) {
    SpinGuard guard(pages_lock_);
    // Unmap before the frames lose the index's reference, and under one lock, so that no fault maps
    // a page again that is about to go.
    for (Region* r = regions_; r; r = r->next_of_object) r->space->unmap_object_pages(*r, first);
    drop_pages(first, PageIndex::limit);
}

void VmObject::drop_pages(std::uint64_t first, std::uint64_t end) {
    std::uint64_t dropped = 0;
    pages_.remove_range(first, end, [&dropped](PhysAddr frame) {
        frame_of(frame).flags &= static_cast<std::uint8_t>(~frame_in_cache);
        release_frame(frame);
        dropped++;
    });
    page_count_.store(page_count() - dropped, std::memory_order_relaxed);
}

void VmObject::discard(std::uint64_t first, std::uint64_t end) {
    SpinGuard guard(pages_lock_);
    for (Region* r = regions_; r; r = r->next_of_object)
        r->space->unmap_object_hole(*r, first, end);
    drop_pages(first, end);
}

std::uint64_t VmObject::next_page(std::uint64_t from) {
    SpinGuard guard(pages_lock_);
    return pages_.next(from);
}

void VmObject::attach(Region& region) {
    region.prev_of_object = nullptr;
    region.next_of_object = regions_;
    if (regions_) regions_->prev_of_object = &region;
    regions_ = &region;
}

void VmObject::detach(Region& region) {
    (region.prev_of_object ? region.prev_of_object->next_of_object : regions_) =
        region.next_of_object;
    if (region.next_of_object) region.next_of_object->prev_of_object = region.prev_of_object;
    region.prev_of_object = region.next_of_object = nullptr;
}

PhysAddr VmObject::page_in_place(std::uint64_t) { return PhysAddr{0}; }
Result<void> VmObject::fill_page(std::uint64_t, void*) { return {}; }

namespace {
class AnonymousObject final : public VmObject {
public:
    explicit AnonymousObject(PageCount pages) : pages_(pages) {}

private:
    std::uint64_t anonymous_number() const override { return number_; }
    std::uint64_t page_limit() const override { return pages_.n; }
    static inline constinit std::atomic<std::uint64_t> next_number{1};
    PageCount pages_;
    std::uint64_t number_ = next_number.fetch_add(1, std::memory_order_relaxed);
};
} // namespace

Result<RefPtr<VmObject>> make_anonymous_object(PageCount pages) {
    RefPtr<VmObject> object(TRY(make_ref<AnonymousObject>(pages)));
    return object;
}

} // namespace drupe::mm
