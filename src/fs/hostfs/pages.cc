// SPDX-License-Identifier: BSD-2-Clause
// Mapped files. Pages are read from the server when they are touched, and come anew with the first
// mapping after the file has changed there. What a shared mapping changes goes back at msync, fsync
// and munmap; a page's sum tells whether it was. While there is a writable mapping, reading looks
// at the pages.
//
// A write finds in the cache, before it goes to the server, every page that it changes: none can
// come in behind it with what was before.
#include "regular.h"

#include <drupe/mm/frames.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace drupe::hostfs {

using namespace vfs;

namespace {

constexpr std::size_t batch_pages = 16;

std::byte* bytes_at(PhysAddr frame) { return static_cast<std::byte*>(mm::phys_to_virt(frame)); }

/// The frames of a row of pages, with a reference to each.
struct Batch {
    share::Piece pieces[batch_pages];
    std::size_t count = 0;
    std::size_t bytes = 0;

    Batch() = default;
    ~Batch() {
        for (std::size_t i = 0; i < count; i++) mm::release_frame(pieces[i].at);
    }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    void add(PhysAddr frame, std::uint32_t length) {
        pieces[count++] = {frame, length};
        bytes += length;
    }
    std::span<const share::Piece> all() const { return {pieces, count}; }
};

std::size_t most_batch(const Server& server) {
    return std::min({batch_pages, server.most_pieces(), server.most_bytes() >> page_shift});
}

} // namespace

PhysAddr PageSums::sum_of(PhysAddr frame) {
    const auto* words = static_cast<const volatile std::uint64_t*>(mm::phys_to_virt(frame));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < page_size / sizeof *words; i++)
        sum = (std::rotl(sum, 5) ^ words[i]) * 0x9e37'79b9'7f4a'7c15;
    return PhysAddr{sum | 1};
}
void PageSums::set(std::uint64_t index, PhysAddr sum) {
    SpinGuard guard(lock_);
    sums_.remove_range(index, index + 1, [](PhysAddr) {});
    static_cast<void>(sums_.insert(index, sum));
}
bool PageSums::has(std::uint64_t index, PhysAddr sum) {
    SpinGuard guard(lock_);
    return sums_.find(index) == sum;
}
void PageSums::forget(std::uint64_t first) {
    SpinGuard guard(lock_);
    sums_.remove_from(first, [](PhysAddr) {});
}

Result<void> HostPages::write_back() { return file_.write_back(); }
Result<void> HostPages::fill_page(std::uint64_t index, void* page) {
    return file_.fill(index, page);
}

/// Fills the page, and brings in those behind it that are not there.
Result<void> HostRegular::fill(std::uint64_t index, void* page) {
    RefPtr<Handle> handle;
    {
        SpinGuard guard(handles_lock_);
        handle = for_pages_;
    }
    if (!handle) return Errc::io;
    Batch batch;
    const PhysAddr first = mm::virt_to_phys(page);
    mm::retain_frame(first);
    batch.add(first, page_size);
    const std::uint64_t end = PageCount::covering(pages_->limit.load(std::memory_order_relaxed)).n;
    const std::size_t most = std::max<std::size_t>(most_batch(server()), 1);
    while (batch.count < most && index + batch.count < end) {
        if (const PhysAddr there = pages_->get_present_page(index + batch.count); raw(there) != 0) {
            mm::release_frame(there);
            break;
        }
        const auto frame = mm::alloc_zeroed_frame();
        if (!frame) break;
        batch.add(frame.value(), page_size);
    }
    const std::size_t got = TRY(server().read(*handle, index << page_shift, batch.all()));
    // A server may have written more than it says it has.
    for (std::size_t i = 0; i < batch.count; i++) {
        const std::size_t in_page = std::min(page_size, got - std::min(got, i << page_shift));
        std::memset(bytes_at(batch.pieces[i].at) + in_page, 0, page_size - in_page);
        if (in_page == 0 && i != 0) continue;
        sums_.note(index + i, batch.pieces[i].at);
        if (i != 0) static_cast<void>(pages_->adopt_page(index + i, batch.pieces[i].at));
    }
    return {};
}

Result<RefPtr<mm::VmObject>> HostRegular::map(Handle& handle, bool is_writable) {
    sched::MutexGuard guard(mutex());
    forget_facts();
    TRY(update());
    Timestamp mtime;
    {
        SpinGuard times(times_lock_);
        mtime = mtime_;
    }
    const bool is_same = is_mapped_ && mtime == mapped_mtime_ && size() == mapped_size_;
    set_size(size());
    if (!is_same && !has_writable_mapping()) {
        pages_->discard(0, mm::PageIndex::limit);
        sums_.forget(0);
    }
    mapped_mtime_ = mtime;
    mapped_size_ = size();
    is_mapped_ = true;
    RefPtr<Handle> kept(&handle);
    {
        SpinGuard handles(handles_lock_);
        // One that can write serves readers, too.
        if (!for_pages_ || is_writable || !has_writable_mapping()) std::swap(for_pages_, kept);
    }
    return RefPtr<mm::VmObject>(pages_.get());
}

void HostRegular::remove_writable_mapping() {
    sched::MutexGuard guard(mutex());
    static_cast<void>(write_back_locked()); // nobody is left to hear of it
    writable_mappings_.fetch_sub(1, std::memory_order_relaxed);
}

Result<void> HostRegular::write_back() {
    if (!has_writable_mapping()) return {};
    sched::MutexGuard guard(mutex());
    return write_back_locked();
}

Result<void> HostRegular::write_back_locked() {
    RefPtr<Handle> handle;
    {
        SpinGuard guard(handles_lock_);
        handle = for_pages_;
    }
    if (!handle) return {};
    forget_facts();
    TRY(update());
    // What the host has cut off is gone.
    const std::uint64_t end = std::min(size(), pages_->limit.load(std::memory_order_relaxed));
    const std::size_t most = most_batch(server());
    for (std::uint64_t index = pages_->next_page(0); index << page_shift < end;
         index = pages_->next_page(index)) {
        Batch batch;
        PhysAddr sums[batch_pages];
        while (batch.count < most && (index + batch.count) << page_shift < end) {
            const PhysAddr frame = pages_->get_present_page(index + batch.count);
            if (raw(frame) == 0) break;
            // Before it is written: what changes meanwhile shows again.
            sums[batch.count] = PageSums::sum_of(frame);
            if (sums_.has(index + batch.count, sums[batch.count])) {
                mm::release_frame(frame);
                break;
            }
            batch.add(frame, static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                 page_size, end - ((index + batch.count) << page_shift))));
        }
        if (batch.count == 0) { // as it was, or dropped meanwhile
            index++;
            continue;
        }
        const std::size_t sent = TRY(server().write(*handle, index << page_shift, batch.all()));
        if (sent != batch.bytes) return Errc::io;
        for (std::size_t i = 0; i < batch.count; i++) sums_.set(index + i, sums[i]);
        index += batch.count;
    }
    forget_facts();
    return {};
}

Result<std::size_t> HostRegular::read_pages(IoBuffer& buffer, std::uint64_t offset) {
    TRY(update());
    const std::uint64_t end = size();
    if (offset >= end) return std::size_t{0};
    buffer.limit(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - offset)));
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        const std::size_t within = offset & page_mask;
        const std::size_t piece = std::min(buffer.size(), page_size - within);
        const auto frame = pages_->get_page(offset >> page_shift);
        if (!frame.ok()) return moved ? Result<std::size_t>(moved) : frame.error();
        const auto put = buffer.put(bytes_at(frame.value()) + within, piece);
        mm::release_frame(frame.value());
        if (!put.ok()) return moved ? Result<std::size_t>(moved) : put.error();
        moved += put.value();
        offset += put.value();
        if (put.value() != piece) break;
    }
    return moved;
}

/// Drops the pages behind the end; what lies behind it in its own page reads as zeros when the file
/// grows over it again.
void HostRegular::cut_pages(std::uint64_t size) {
    pages_->truncate(PageCount::covering(size).n);
    sums_.forget(PageCount::covering(size).n);
    const std::size_t within = size & page_mask;
    const PhysAddr last = within != 0 ? pages_->get_present_page(size >> page_shift) : PhysAddr{0};
    if (raw(last) == 0) return;
    const bool was_same = sums_.has(size >> page_shift, PageSums::sum_of(last));
    std::memset(bytes_at(last) + within, 0, page_size - within);
    if (was_same) sums_.note(size >> page_shift, last);
    mm::release_frame(last);
}

/// Brings in the pages of a range that lie before the end.
Result<void> HostRegular::hold_pages(std::uint64_t offset, std::size_t bytes) {
    const std::uint64_t end =
        std::min(PageCount::covering(offset + bytes).n,
                 PageCount::covering(pages_->limit.load(std::memory_order_relaxed)).n);
    for (std::uint64_t index = offset >> page_shift; index < end; index++)
        mm::release_frame(TRY(pages_->get_page(index)));
    return {};
}

void HostRegular::copy_to_pages(std::uint64_t offset, const std::byte* from, std::size_t bytes) {
    while (bytes != 0) {
        const std::size_t within = offset & page_mask;
        const std::size_t piece = std::min(bytes, page_size - within);
        if (const PhysAddr frame = pages_->get_present_page(offset >> page_shift);
            raw(frame) != 0) {
            const std::uint64_t index = offset >> page_shift;
            const bool was_same = sums_.has(index, PageSums::sum_of(frame));
            std::memcpy(bytes_at(frame) + within, from, piece);
            if (was_same) sums_.note(index, frame);
            mm::note_frame_written(frame);
            mm::release_frame(frame);
        }
        offset += piece;
        from += piece;
        bytes -= piece;
    }
}

} // namespace drupe::hostfs
