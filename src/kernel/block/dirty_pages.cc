// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/block/volume.h>
#include <drupe/block/write_back.h>

#include <drupe/mm/frames.h>

#include <algorithm>

namespace drupe::block {
namespace {

constinit std::atomic<std::uint64_t> dirty_count{0};

} // namespace

std::uint64_t dirty_page_count() { return dirty_count.load(std::memory_order_relaxed); }

DirtyPages::DirtyPages(Volume& volume) : volume_(volume) {
    IrqGuard guard(lock_);
    for (PageWrite& write : writes_) {
        write.owner = this;
        write.operation = Operation::write;
        write.then = written;
        free_.push_back(write);
    }
}

Result<void> DirtyPages::mark(std::uint64_t index, PhysAddr frame) {
    bool is_first = false;
    {
        IrqGuard guard(lock_);
        if (raw(pages_.find(index)) != 0) return {};
        TRY(pages_.insert(index, frame));
        mm::retain_frame(frame);
        is_first = since_ == Nanos::never();
        if (is_first) since_ = time::now();
    }
    note_dirty(dirty_count.fetch_add(1, std::memory_order_relaxed) + 1, is_first);
    return {};
}

bool DirtyPages::is_dirty(std::uint64_t index) {
    IrqGuard guard(lock_);
    return raw(pages_.find(index)) != 0;
}

bool DirtyPages::has_any(std::uint64_t first, std::uint64_t end) {
    IrqGuard guard(lock_);
    return pages_.next(first) < end || is_under_way(first, end, last_number_);
}

Nanos DirtyPages::since() {
    IrqGuard guard(lock_);
    return since_;
}

/// Of those that were taken as the number-th at the latest.
bool DirtyPages::is_under_way(std::uint64_t first, std::uint64_t end, std::uint64_t number) {
    for (const PageWrite& write : under_way_)
        if (write.number <= number && write.first < end && first < write.first + write.count)
            return true;
    return false;
}

template <class Ready>
void DirtyPages::wait(Ready ready) {
    volume_.disk().wait(waiters_, ready, [&] {
        IrqGuard guard(lock_);
        return under_way_.front();
    });
}

PageWrite& DirtyPages::free_write() {
    PageWrite* got = nullptr;
    wait([&] {
        IrqGuard guard(lock_);
        return (got = free_.pop_front()) != nullptr;
    });
    return *got;
}

/// The row of dirty pages that begins with `first`, which is dirty. False: it is on its way.
bool DirtyPages::try_take(PageWrite& write, std::uint64_t first) {
    const std::uint64_t most =
        std::min<std::uint64_t>(batch_pages, volume_.disk().limits().segments);
    std::uint64_t count = 0;
    for (; count < most; count++) {
        const PhysAddr frame = pages_.find(first + count);
        if (raw(frame) == 0 || is_under_way(first + count, first + count + 1, last_number_)) break;
        mm::retain_frame(frame);
        write.parts[count] = {frame, volume_.bytes_of_page(first + count)};
    }
    if (count == 0) return false;
    pages_.remove_range(first, first + count, mm::release_frame);
    write.first = first;
    write.count = count;
    write.number = ++last_number_;
    under_way_.push_back(write);
    return true;
}

/// The next row from `at` on; waits where an older write of its pages is under way. False: there is
/// none before `end`.
bool DirtyPages::take(PageWrite& write, std::uint64_t at, std::uint64_t end) {
    enum { none, taken, is_blocked } found = none;
    wait([&] {
        IrqGuard guard(lock_);
        const std::uint64_t first = pages_.next(at);
        found = first >= end ? none : try_take(write, first) ? taken : is_blocked;
        return found != is_blocked;
    });
    return found == taken;
}

void DirtyPages::write(std::uint64_t first, std::uint64_t end, std::uint64_t most) {
    if (first == 0 && end == mm::PageIndex::limit && most == UINT64_MAX) {
        IrqGuard guard(lock_);
        since_ = Nanos::never();
    }
    std::uint64_t moved = 0;
    for (std::uint64_t at = first; moved < most;) {
        PageWrite& write = free_write();
        if (!take(write, at, end)) {
            give_back(write);
            break;
        }
        at = write.first + write.count;
        moved += write.count;
        // Only now, when they are marked no more: the next write to them marks them again.
        volume_.pages().hear_of_writes(write.first, at);
        write.sector = volume_.sector_of_page(write.first);
        write.segments = {write.parts, write.count};
        write.outcome = Errc::ok;
        volume_.disk().start(write);
    }
    // Also for what others have taken since.
    std::uint64_t number = 0;
    {
        IrqGuard guard(lock_);
        number = last_number_;
    }
    wait([&] {
        IrqGuard guard(lock_);
        return !is_under_way(first, end, number);
    });
}

void DirtyPages::give_back(PageWrite& write) {
    {
        IrqGuard guard(lock_);
        free_.push_back(write);
    }
    waiters_.wake_all();
}

void DirtyPages::written(Disk::Counted& request) {
    auto& write = static_cast<PageWrite&>(request);
    DirtyPages& owner = *write.owner;
    for (const Segment& part : write.segments) mm::release_frame(part.at);
    dirty_count.fetch_sub(write.count, std::memory_order_relaxed);
    {
        IrqGuard guard(owner.lock_);
        if (write.outcome != Errc::ok) owner.note_failure();
        owner.under_way_.remove(write);
        owner.free_.push_back(write);
    }
    owner.waiters_.wake_all();
}

#if defined(DRUPE_HOSTED)
namespace testing {
void forget_dirty_pages() { dirty_count.store(0, std::memory_order_relaxed); }
} // namespace testing
#endif

} // namespace drupe::block
