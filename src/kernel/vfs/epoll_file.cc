// SPDX-License-Identifier: BSD-2-Clause
#include "epoll_links.h"

#include <drupe/vfs/epoll.h>

#include <algorithm>
#include <new>

namespace drupe::vfs {
namespace {

/// Guards which epoll watches which file: the files' lists and the shape of nested epolls.
constinit sched::Mutex* links = nullptr;

constexpr std::uint32_t flag_bits = epoll_exclusive | epoll_wake_up | epoll_one_shot | epoll_edge;
constexpr unsigned longest_chain = 5; // epolls that watch epolls, as in Linux

/// Errors and hang-ups are told unasked.
std::uint32_t wanted(std::uint32_t events) { return events | poll_err | poll_hup; }

/// Puts an entry on the queues its file names.
class EntryWatcher final : public PollWatcher {
public:
    explicit EntryWatcher(EpollEntry& entry) : entry_(entry) {}
    void watch(sched::WaitQueue& queue) override {
        EpollEntry::Watch* fresh = nullptr;
        if (entry_.few_used < EpollEntry::few) {
            fresh = new (&entry_.few_watches[entry_.few_used++]) EpollEntry::Watch(entry_, queue);
        } else {
            fresh = new (std::nothrow) EpollEntry::Watch(entry_, queue);
            if (!fresh) {
                failed_ = true;
                return;
            }
            fresh->next = entry_.more_watches;
            entry_.more_watches = fresh;
        }
        queue.add(*fresh);
    }
    bool failed() const { return failed_; }

private:
    EpollEntry& entry_;
    bool failed_ = false;
};

} // namespace

EpollEntry::EpollEntry(EpollFile& e, File& f, std::uint32_t number, const EpollEvent& event)
    : epoll(e), file(f), fd(number), events(wanted(event.events)), data(event.data) {}

EpollEntry::~EpollEntry() { leave_queues(); }

void EpollEntry::leave_queues() {
    for (std::size_t i = 0; i < few_used; i++) {
        few_watches[i].queue.remove(few_watches[i]);
        few_watches[i].~Watch();
    }
    few_used = 0;
    while (Watch* watch = more_watches) {
        more_watches = watch->next;
        watch->queue.remove(*watch);
        delete watch;
    }
}

/// The key is what became possible: whoever did not ask for it does not hear of it, which shows
/// when an entry is told edges only. An exclusive entry takes the wake-up from the others when
/// somebody waits here for just this ([linux] ep_poll_callback()).
bool EpollEntry::Watch::woken(std::uint32_t key) {
    const std::uint32_t asked = entry.events.load(std::memory_order_relaxed);
    if (key != 0 && (key & asked) == 0) return false;
    return entry.epoll.became_ready(entry) &&
           (key == 0 || (key & asked & (poll_in | poll_out)) != 0);
}

Result<void> init_epoll() {
    links = TRY(make_own<sched::Mutex>()).leak();
    return {};
}

Result<RefPtr<EpollFile>> create_epoll_file() {
    RefPtr<Dentry> dentry = TRY(create_anonymous("anon_inode:[eventpoll]", 0600, false));
    return make_ref<EpollFile>(*dentry, std::uint32_t{open_read_write});
}

EpollFile::~EpollFile() {
    sched::MutexGuard guard(*links);
    while (EpollEntry* entry = entries_.first()) drop(*entry);
}

void File::forget_watches(File& file) { EpollFile::forget(file); }

void EpollFile::forget(File& file) {
    sched::MutexGuard guard(*links);
    while (EpollEntry* entry = file.epoll_entries_.load(std::memory_order_relaxed)) {
        EpollFile& epoll = entry->epoll;
        sched::MutexGuard collecting(epoll.mutex_);
        epoll.drop(*entry);
    }
}

EpollEntry* EpollFile::find(const File& file, std::uint32_t fd) const {
    EpollEntry* at = entries_.root();
    while (at && (at->fd != fd || &at->file != &file)) {
        const bool goes_left = fd != at->fd ? fd < at->fd : &file < &at->file;
        at = goes_left ? Entries::left(*at) : Entries::right(*at);
    }
    return at;
}

void EpollFile::link(EpollEntry& entry) {
    EpollEntry* parent = nullptr;
    Entries::Side side = Entries::left_side;
    for (EpollEntry* at = entries_.root(); at;) {
        parent = at;
        const bool goes_left = entry.fd != at->fd ? entry.fd < at->fd : &entry.file < &at->file;
        side = goes_left ? Entries::left_side : Entries::right_side;
        at = goes_left ? Entries::left(*at) : Entries::right(*at);
    }
    entries_.link(entry, parent, side);
    entry.next = entry.file.epoll_entries_.load(std::memory_order_relaxed);
    if (entry.next) entry.next->previous = &entry;
    entry.file.epoll_entries_.store(&entry, std::memory_order_relaxed);
}

void EpollFile::drop(EpollEntry& entry) {
    entries_.remove(entry);
    EpollEntry* const following = entry.next;
    EpollEntry* const before = entry.previous;
    File& file = entry.file;
    entry.leave_queues(); // no wake-up comes any more
    {
        IrqGuard guard(ready_lock_);
        if (entry.ready.is_linked()) {
            ready_.remove(entry);
            ready_count_.store(ready_count_.load(std::memory_order_relaxed) - 1,
                               std::memory_order_relaxed);
        }
    }
    delete &entry;
    if (following) following->previous = before;
    if (before)
        before->next = following;
    else // The last touch: a file that is going away may do so now. Pairs with File::destroy_self.
        file.epoll_entries_.store(following, std::memory_order_release);
}

bool EpollFile::became_ready(EpollEntry& entry) {
    if ((entry.events.load(std::memory_order_relaxed) & ~flag_bits) == 0) return false;
    {
        IrqGuard guard(ready_lock_);
        if (!entry.ready.is_linked()) {
            ready_.push_back(entry);
            ready_count_.store(ready_count_.load(std::memory_order_relaxed) + 1,
                               std::memory_order_relaxed);
        }
    }
    // Nested epolls form no cycles, so the order file, inner epoll, outer epoll is one.
    const bool has_waiters = waiters_.has_waiters();
    waiters_.wake_nested(1);
    watchers_.wake_nested(SIZE_MAX, poll_in | poll_rdnorm);
    return has_waiters;
}

void EpollFile::ask(EpollEntry& entry) {
    if (!(entry.file.poll(nullptr) & entry.events.load(std::memory_order_relaxed))) return;
    {
        IrqGuard guard(ready_lock_);
        if (entry.ready.is_linked()) return; // it is no news to who waits for this epoll
    }
    became_ready(entry);
}

EpollEntry* EpollFile::take_ready() {
    IrqGuard guard(ready_lock_);
    EpollEntry* entry = ready_.pop_front();
    if (entry)
        ready_count_.store(ready_count_.load(std::memory_order_relaxed) - 1,
                           std::memory_order_relaxed);
    return entry;
}

void EpollFile::put_back(EpollEntry& entry, bool first) {
    IrqGuard guard(ready_lock_);
    if (entry.ready.is_linked()) return; // woken meanwhile
    if (first)
        ready_.push_front(entry);
    else
        ready_.push_back(entry);
    ready_count_.store(ready_count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

Result<void> EpollFile::add(File& file, std::uint32_t fd, const EpollEvent& event) {
    if (!file.can_poll()) return Errc::not_permitted;
    if (&file == this) return Errc::invalid;
    EpollFile* inner = file.as_epoll();
    if (event.events & epoll_exclusive) {
        constexpr std::uint32_t together =
            poll_in | poll_out | poll_err | poll_hup | epoll_wake_up | epoll_edge | epoll_exclusive;
        if (inner || (event.events & ~together)) return Errc::invalid;
    }
    sched::MutexGuard guard(*links);
    if (inner) TRY(check_nesting(*inner));
    sched::MutexGuard collecting(mutex_);
    if (find(file, fd)) return Errc::exists;
    auto* entry = new (std::nothrow) EpollEntry(*this, file, fd, event);
    if (!entry) return Errc::no_memory;
    link(*entry);
    EntryWatcher watcher(*entry);
    const std::uint32_t now = file.poll(&watcher);
    if (watcher.failed()) {
        drop(*entry);
        return Errc::no_memory;
    }
    if (now & wanted(event.events)) became_ready(*entry);
    return {};
}

Result<void> EpollFile::modify(File& file, std::uint32_t fd, const EpollEvent& event) {
    if (event.events & epoll_exclusive) return Errc::invalid;
    sched::MutexGuard guard(mutex_);
    EpollEntry* entry = find(file, fd);
    if (!entry) return Errc::not_found;
    if (entry->events.load(std::memory_order_relaxed) & epoll_exclusive) return Errc::invalid;
    entry->data = event.data;
    entry->events.store(wanted(event.events), std::memory_order_relaxed);
    // Either we see the file's change, or its wake-up sees the new events: pairs with
    // WaitQueue::wake's fence.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    ask(*entry);
    return {};
}

Result<void> EpollFile::remove(File& file, std::uint32_t fd) {
    sched::MutexGuard guard(*links);
    sched::MutexGuard collecting(mutex_);
    EpollEntry* entry = find(file, fd);
    if (!entry) return Errc::not_found;
    drop(*entry);
    return {};
}

/// Each entry that is on the list now is looked at once; what goes back goes behind them.
Result<std::size_t> EpollFile::collect(IoBuffer& out) {
    std::size_t told = 0;
    sched::MutexGuard guard(mutex_);
    for (std::size_t left = ready_count_.load(std::memory_order_relaxed);
         left != 0 && out.size() >= sizeof(EpollEvent); left--) {
        EpollEntry* entry = take_ready();
        if (!entry) break;
        const std::uint32_t asked = entry->events.load(std::memory_order_relaxed);
        if ((asked & ~flag_bits) == 0) continue;
        const std::uint32_t events = entry->file.poll(nullptr) & asked & ~flag_bits;
        if (events == 0) continue;
        const EpollEvent event{events, 0, entry->data};
        const Result<std::size_t> put = out.put(&event, sizeof event);
        if (!put.ok() || put.value() != sizeof event) {
            put_back(*entry, true);
            if (told == 0) return Errc::fault;
            break;
        }
        told++;
        if (asked & epoll_one_shot)
            entry->events.store(asked & flag_bits, std::memory_order_relaxed);
        else if (!(asked & epoll_edge))
            put_back(*entry, false);
    }
    return told;
}

Result<std::size_t> EpollFile::wait(IoBuffer& out, Nanos deadline) {
    for (;;) {
        if (has_ready()) {
            const Result<std::size_t> told = collect(out);
            if (has_ready()) waiters_.wake_one(); // for what did not fit, or is still ready
            if (!told.ok() || told.value() != 0) return told;
        }
        if (deadline.ns == 0) return std::size_t{0};
        const Result<void> waited = waiters_.wait_until([this] { return has_ready(); }, deadline);
        if (waited.ok()) continue;
        if (waited.error() == Errc::timed_out) return std::size_t{0};
        return Errc::interrupted; // as Linux: never restarted, whatever the handler says
    }
}

std::uint32_t EpollFile::poll(PollWatcher* watcher) {
    if (watcher) watcher->watch(watchers_);
    if (!has_ready()) return 0;
    sched::MutexGuard guard(mutex_);
    for (std::size_t left = ready_count_.load(std::memory_order_relaxed); left != 0; left--) {
        EpollEntry* entry = take_ready();
        if (!entry) break;
        if (entry->file.poll(nullptr) & entry->events.load(std::memory_order_relaxed)) {
            put_back(*entry, true);
            return poll_in | poll_rdnorm;
        }
    }
    return 0;
}

/// How many epolls follow each other from here towards the watched files, this one included.
unsigned EpollFile::depth_below(EpollFile& epoll, std::uint64_t round) {
    if (std::exchange(epoll.below_round_, round) == round) return epoll.below_;
    epoll.below_ = 1;
    for (EpollEntry* entry = epoll.entries_.first(); entry; entry = Entries::next(*entry))
        if (EpollFile* inner = entry->file.as_epoll())
            epoll.below_ = std::max(epoll.below_, 1 + depth_below(*inner, round));
    return epoll.below_;
}

unsigned EpollFile::depth_above(EpollFile& epoll, std::uint64_t round) {
    if (std::exchange(epoll.above_round_, round) == round) return epoll.above_;
    epoll.above_ = 1;
    for (EpollEntry* entry = epoll.epoll_entries_.load(std::memory_order_relaxed); entry;
         entry = entry->next)
        epoll.above_ = std::max(epoll.above_, 1 + depth_above(entry->epoll, round));
    return epoll.above_;
}

Result<void> EpollFile::check_nesting(EpollFile& inner) {
    static constinit std::uint64_t rounds = 0; // under the links' mutex
    const std::uint64_t round = ++rounds;
    const unsigned below = depth_below(inner, round);
    // Reached from below: watching it would close a circle.
    if (below_round_ == round || below + depth_above(*this, round) > longest_chain)
        return Errc::symlink_loop;
    return {};
}

} // namespace drupe::vfs
