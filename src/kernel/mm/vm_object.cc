// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/mm/vm_object.h>

#include <drupe/arch/cache.h>
#include <drupe/mm/address_space.h>
#include <drupe/mm/region.h>

#include <algorithm>

namespace drupe::mm {

void sync_instructions(PhysAddr address) {
    Frame& frame = frame_of(address);
    if ((frame.flags & frame_synced) != 0) return;
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

Result<PhysAddr> VmObject::insert(std::uint64_t index, PhysAddr frame) {
    SpinGuard guard(pages_lock_);
    // Again, now that truncate() cannot pass: it lowers the limit before it takes the lock.
    if (index >= page_limit()) return Errc::out_of_range;
    const PhysAddr present = pages_.find(index);
    if (raw(present) != 0) return present;
    TRY(pages_.insert(index, frame));
    frame_of(frame).flags |= frame_in_cache;
    page_count_.store(page_count() + 1, std::memory_order_relaxed);
    return frame;
}

Result<PhysAddr> VmObject::make_page(std::uint64_t index) {
    if (index >= std::min(page_limit(), PageIndex::limit)) return Errc::out_of_range;
    const PhysAddr fresh = TRY(provide_page(index));
    retain_frame(fresh); // the caller's
    const auto in = insert(index, fresh);
    if (!in || in.value() != fresh) {
        // Not wanted: both references go, and the frame that won is looked up like any other.
        release_frame(fresh);
        release_frame(fresh);
        if (!in) return in.error();
        return get_page(index);
    }
    if (provides_in_place()) make_neighbours(index);
    return fresh;
}

void VmObject::make_neighbours(std::uint64_t index) {
    const std::uint64_t begin = index & ~std::uint64_t{fault_around_pages - 1};
    const std::uint64_t end = std::min(begin + fault_around_pages, page_limit());
    for (std::uint64_t i = begin; i < end; i++) {
        {
            SpinGuard guard(pages_lock_);
            if (raw(pages_.find(i)) != 0) continue;
        }
        const auto frame = provide_page(i);
        if (!frame) return;
        const auto in = insert(i, frame.value());
        if (!in || in.value() != frame.value()) release_frame(frame.value());
        if (!in) return;
    }
}

Result<void> VmObject::adopt_page(std::uint64_t index, PhysAddr frame) {
    if (index >= PageIndex::limit) return Errc::out_of_range;
    retain_frame(frame);
    const auto in = insert(index, frame);
    if (in && in.value() == frame) return {};
    release_frame(frame);
    return in ? Errc::exists : in.error();
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

Result<PhysAddr> VmObject::provide_page(std::uint64_t index) {
    const PhysAddr frame = TRY(alloc_zeroed_frame());
    const auto filled = fill_page(index, phys_to_virt(frame));
    if (!filled) {
        release_frame(frame);
        return filled.error();
    }
    return frame;
}

Result<void> VmObject::fill_page(std::uint64_t, void*) { return {}; }
void VmObject::describe(FormatSink&) const {}

namespace {
class AnonymousObject final : public VmObject {
public:
    explicit AnonymousObject(PageCount pages) : pages_(pages) {}

private:
    std::uint64_t page_limit() const override { return pages_.n; }
    PageCount pages_;
};
} // namespace

Result<RefPtr<VmObject>> make_anonymous_object(PageCount pages) {
    RefPtr<VmObject> object(TRY(make_ref<AnonymousObject>(pages)));
    return object;
}

} // namespace drupe::mm
