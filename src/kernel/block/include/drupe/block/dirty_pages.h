// SPDX-License-Identifier: BSD-2-Clause
// The pages of a volume that the device does not have as the cache has them, and their way there:
// in order, neighbours in one request, several requests under way. A page is clean from before its
// request on, so who writes to it meanwhile marks it again; but no two requests for the same page
// are under way at once.
#pragma once

#include <drupe/block/disk.h>
#include <drupe/mm/page_index.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>

namespace drupe::block {

class DirtyPages;
class Volume;

/// Most pages of one request for the cache: 128 KiB.
inline constexpr std::size_t batch_pages = 32;

/// Dirty pages on their way. A volume has a fixed number, so that writing needs no memory.
struct PageWrite : Disk::Counted {
    DirtyPages* owner = nullptr;
    std::uint64_t first = 0, count = 0; // pages
    std::uint64_t number = 0;           // of the volume's, in the order of taking
    ListHook place;
    Segment parts[batch_pages];
};

class DirtyPages {
public:
    explicit DirtyPages(Volume& volume);

    /// The page is dirty, and its frame stays. no_memory. Context: any, lock of rank page_table or
    /// higher may be held.
    Result<void> mark(std::uint64_t index, PhysAddr frame);
    bool is_dirty(std::uint64_t index);
    /// Some page of [first, end) is dirty, or on its way.
    bool has_any(std::uint64_t first, std::uint64_t end);
    /// Writes what is dirty of [first, end) now, at most about `most` pages of it, and waits for it
    /// and for what is on its way already. Failures are counted. Context: thread, no spin lock.
    void write(std::uint64_t first, std::uint64_t end, std::uint64_t most = UINT64_MAX);
    /// When the oldest page was marked, about; never: there is none.
    Nanos since();
    /// How many requests have failed.
    std::uint32_t failures() const { return failures_.load(std::memory_order_relaxed); }
    void note_failure() { failures_.fetch_add(1, std::memory_order_relaxed); }

private:
    using Writes = IntrusiveList<PageWrite, &PageWrite::place>;
    PageWrite& free_write();
    void give_back(PageWrite& write);
    bool try_take(PageWrite& write, std::uint64_t first) REQUIRES(lock_);
    bool take(PageWrite& write, std::uint64_t at, std::uint64_t end);
    bool is_under_way(std::uint64_t first, std::uint64_t end, std::uint64_t number) REQUIRES(lock_);
    template <class Ready>
    void wait(Ready ready);
    static void written(Disk::Counted& request);

    Volume& volume_;
    SpinLock<LockRank::volume> lock_;
    mm::PageIndex pages_ GUARDED_BY(lock_); // with a reference to each frame
    static constexpr unsigned write_count = 8;
    PageWrite writes_[write_count];
    Writes free_ GUARDED_BY(lock_), under_way_ GUARDED_BY(lock_);
    std::uint64_t last_number_ GUARDED_BY(lock_) = 0;
    Nanos since_ GUARDED_BY(lock_) = Nanos::never();
    std::atomic<std::uint32_t> failures_{0}; // raised under the lock, before the write is gone
    sched::WaitQueue waiters_;
};

/// Dirty pages of all volumes, those on their way included.
std::uint64_t dirty_page_count();

#if defined(DRUPE_HOSTED)
namespace testing {
/// Those of volumes that are used no more.
void forget_dirty_pages();
} // namespace testing
#endif

} // namespace drupe::block
