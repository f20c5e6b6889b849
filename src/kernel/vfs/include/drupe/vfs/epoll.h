// SPDX-License-Identifier: BSD-2-Clause
// epoll: a file that remembers which other files somebody waits for and keeps a list of those that
// may be ready. A watched file's wake-up puts its entry on that list; whoever collects asks the
// file again, so an entry on the list is a hint and a missing one is a promise.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/tree.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/vfs/file.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drupe::vfs {

/// Flags beside the poll bits. [linux] uapi/linux/eventpoll.h
inline constexpr std::uint32_t epoll_exclusive = 1u << 28;
inline constexpr std::uint32_t epoll_wake_up = 1u << 29;
inline constexpr std::uint32_t epoll_one_shot = 1u << 30;
inline constexpr std::uint32_t epoll_edge = 1u << 31;

/// struct epoll_event as arm64 programs lay it out: not packed.
struct EpollEvent {
    std::uint32_t events;
    std::uint32_t unused;
    std::uint64_t data;
};
static_assert(sizeof(EpollEvent) == 16);

class EpollFile;

/// One watched file of one epoll. It holds no reference to the file: the file tells when it goes.
struct EpollEntry {
    /// Its presence on one of the file's queues.
    struct Watch final : sched::Waiter {
        Watch(EpollEntry& e, sched::WaitQueue& q)
            : Waiter(e.is_exclusive() ? Kind::exclusive : Kind::watching), entry(e), queue(q) {}
        bool woken(std::uint32_t key) override;
        EpollEntry& entry;
        sched::WaitQueue& queue;
        Watch* next = nullptr;
    };

    EpollEntry(EpollFile& e, File& f, std::uint32_t number, const EpollEvent& event);
    ~EpollEntry();
    EpollEntry(const EpollEntry&) = delete;
    EpollEntry& operator=(const EpollEntry&) = delete;
    bool is_exclusive() const {
        return (events.load(std::memory_order_relaxed) & epoll_exclusive) != 0;
    }
    /// Afterwards no wake-up of the file reaches the entry.
    void leave_queues();

    EpollFile& epoll;
    File& file;
    const std::uint32_t fd;
    std::atomic<std::uint32_t> events; // wanted; only flags: a one-shot entry that has fired
    std::uint64_t data;
    TreeHook hook;              // the epoll's
    ListHook ready;             // the epoll's; under its ready lock
    EpollEntry* next = nullptr; // of the same file
    EpollEntry* previous = nullptr;

    static constexpr std::size_t few = 2; // a file has one queue or two, mostly
    union {
        Watch few_watches[few];
    };
    std::size_t few_used = 0;
    Watch* more_watches = nullptr;
};

struct EpollEntryTraits {
    static constexpr TreeHook EpollEntry::*hook = &EpollEntry::hook;
    static void summarize(EpollEntry&) {}
};

class EpollFile final : public File {
public:
    EpollFile(Dentry& dentry, std::uint32_t flags) : File(dentry, flags) { mode_ |= is_epoll; }
    ~EpollFile() override;

    /// Watches `file` under the name (file, fd). exists; not_permitted when it cannot wait; invalid
    /// for this file itself or flags that exclude each other; symlink_loop when a chain of epolls
    /// would close or grow too long; no_memory. The caller holds a reference to `file`.
    Result<void> add(File& file, std::uint32_t fd, const EpollEvent& event);
    /// Other events and data for an entry; arms a one-shot entry again. not_found, invalid.
    Result<void> modify(File& file, std::uint32_t fd, const EpollEvent& event);
    /// not_found.
    Result<void> remove(File& file, std::uint32_t fd);

    /// Waits until something is ready or the deadline passes (0: does not wait) and puts events
    /// into `out`, as many as fit. Their number; interrupted; fault.
    Result<std::size_t> wait(IoBuffer& out, Nanos deadline);
    /// Something may be ready, as far as its wake-ups said.
    bool has_ready() const { return ready_count_.load(std::memory_order_relaxed) != 0; }

    std::uint32_t poll(PollWatcher* watcher) override;
    bool can_poll() const override { return true; }

    /// A file that some epoll watches goes away. Called by File::destroy_self, before the file's
    /// own queues go.
    static void forget(File& file);

private:
    friend struct EpollEntry::Watch;
    using Entries = IntrusiveTree<EpollEntry, EpollEntryTraits>;

    EpollEntry* find(const File& file, std::uint32_t fd) const;
    void link(EpollEntry& entry);
    void drop(EpollEntry& entry);
    /// Puts an entry on the ready list and wakes who waits, if somebody does: true then. From a
    /// file's wake-up: any context.
    bool became_ready(EpollEntry& entry);
    EpollEntry* take_ready();
    void put_back(EpollEntry& entry, bool first);
    Result<std::size_t> collect(IoBuffer& out);
    /// Asks the entry's file and says so when it is ready.
    void ask(EpollEntry& entry);

    Result<void> check_nesting(EpollFile& inner);
    static unsigned depth_below(EpollFile& epoll, std::uint64_t round);
    static unsigned depth_above(EpollFile& epoll, std::uint64_t round);

    // Order: the links' mutex (epoll_file.cc), an outer epoll's, an inner epoll's. Entries come and
    // go with both held; the links' alone is enough to look at them, ours to collect.
    sched::Mutex mutex_;
    Entries entries_;
    SpinLock<LockRank::epoll> ready_lock_;
    IntrusiveList<EpollEntry, &EpollEntry::ready> ready_ GUARDED_BY(ready_lock_);
    std::atomic<std::size_t> ready_count_{0}; // written under the lock
    sched::WaitQueue waiters_;                // those in wait(): one is enough for one event
    sched::WaitQueue watchers_;               // those who poll this file
    std::uint64_t below_round_ = 0, above_round_ = 0; // check_nesting's, under the links' mutex
    unsigned below_ = 0, above_ = 0;
};

inline EpollFile* File::as_epoll() {
    return (mode_ & is_epoll) != 0 ? static_cast<EpollFile*>(this) : nullptr;
}

/// no_memory.
Result<RefPtr<EpollFile>> create_epoll_file();

} // namespace drupe::vfs
