// SPDX-License-Identifier: BSD-2-Clause
// Advisory locks. An inode gets its list when the first lock is asked for; the list's lock guards
// it, and everybody who waits looks again whenever a lock goes.
#include "record_locks.h"

#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/scope_exit.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/vfs/file.h>

#include <algorithm>
#include <new>

namespace drupe::vfs {

struct RecordLock {
    RecordLockRequest range;
    ListHook hook;
};
struct FileLock {
    const File* owner = nullptr;
    LockType type = LockType::shared;
    ListHook hook;
};

struct LockList {
    SpinLock<LockRank::inode> lock;
    sched::WaitQueue changed;
    IntrusiveList<RecordLock, &RecordLock::hook> records GUARDED_BY(lock);
    IntrusiveList<FileLock, &FileLock::hook> files GUARDED_BY(lock);
};

namespace {

/// A process that waits, and for whom: the edges of the graph in which a cycle is a deadlock.
constinit SpinLock<LockRank::inode> waits_lock;
struct WaitEdge {
    const void* waiter;
    const void* holder;
    WaitEdge* next;
};
constinit WaitEdge* edges GUARDED_BY(waits_lock) = nullptr;

/// Records that `edge.waiter` waits; deadlock when its holder waits for it in turn.
Result<void> begin_wait(WaitEdge& edge) {
    SpinGuard guard(waits_lock);
    const void* at = edge.holder;
    // Longer chains are not looked through, as in Linux.
    for (int hops = 0; hops < 10; hops++) {
        if (at == edge.waiter) return Errc::deadlock;
        const WaitEdge* next = edges;
        while (next && next->waiter != at) next = next->next;
        if (!next) break;
        at = next->holder;
    }
    edge.next = edges;
    edges = &edge;
    return {};
}

void end_wait(WaitEdge& edge) {
    SpinGuard guard(waits_lock);
    WaitEdge** link = &edges;
    while (*link != &edge) link = &(*link)->next;
    *link = edge.next;
}

Result<LockList*> list_of(Inode& inode) {
    LockList* list = inode.locks.load(std::memory_order_acquire);
    if (list) return list;
    auto* fresh = new (std::nothrow) LockList;
    if (!fresh) return Errc::no_locks;
    if (inode.locks.compare_exchange_strong(list, fresh, std::memory_order_acq_rel)) return fresh;
    delete fresh;
    return list;
}

bool is_same_owner(const RecordLockRequest& a, const RecordLockRequest& b) {
    return a.owner == b.owner && a.is_ofd == b.is_ofd;
}

/// The first in the file of those that are in the way.
RecordLock* find_conflict_locked(LockList& list, const RecordLockRequest& want)
    REQUIRES(list.lock) {
    RecordLock* found = nullptr;
    for (RecordLock& held : list.records) {
        const RecordLockRequest& h = held.range;
        if (h.first > want.last || h.last < want.first || is_same_owner(h, want)) continue;
        if (want.type != LockType::exclusive && h.type != LockType::exclusive) continue;
        if (!found || h.first < found->range.first) found = &held;
    }
    return found;
}

/// Replaces the owner's locks in the range. `spares` are two nodes; those used become null.
void apply_locked(LockList& list, RecordLockRequest want, RecordLock* (&spares)[2])
    REQUIRES(list.lock) {
    const RecordLockRequest asked = want;
    list.records.for_each_safe([&](RecordLock& held) {
        list.lock.assert_held();
        RecordLockRequest& h = held.range;
        if (!is_same_owner(h, asked)) return;
        const bool touches = h.first <= (asked.last == UINT64_MAX ? asked.last : asked.last + 1) &&
                             h.last >= (asked.first == 0 ? 0 : asked.first - 1);
        if (h.type == asked.type && touches) {
            want.first = std::min(want.first, h.first);
            want.last = std::max(want.last, h.last);
            list.records.remove(held);
            delete &held;
            return;
        }
        if (h.first > asked.last || h.last < asked.first) return;
        if (h.first < asked.first && h.last > asked.last) {
            RecordLock* right = std::exchange(spares[0], nullptr);
            right->range = h;
            right->range.first = asked.last + 1;
            h.last = asked.first - 1;
            list.records.push_back(*right);
        } else if (h.first < asked.first) {
            h.last = asked.first - 1;
        } else if (h.last > asked.last) {
            h.first = asked.last + 1;
        } else {
            list.records.remove(held);
            delete &held;
        }
    });
    if (want.type == LockType::none) return;
    RecordLock* fresh = std::exchange(spares[1], nullptr);
    fresh->range = want;
    list.records.push_back(*fresh);
}

/// Until nobody is in the way, or somebody else than `holder` is.
Result<void> wait_for_change(LockList& list, const void* holder, const RecordLockRequest& want) {
    WaitEdge edge{want.owner, holder, nullptr};
    if (!want.is_ofd) TRY(begin_wait(edge));
    const Result<void> outcome = list.changed.wait_until([&] {
        SpinGuard guard(list.lock);
        const RecordLock* conflict = find_conflict_locked(list, want);
        return !conflict || conflict->range.owner != holder;
    });
    if (!want.is_ofd) end_wait(edge);
    return outcome;
}

} // namespace

Result<void> set_record_lock(Inode& inode, const RecordLockRequest& request, WhenHeld when_held) {
    if (request.type == LockType::none && !inode.locks.load(std::memory_order_relaxed)) return {};
    LockList& list = *TRY(list_of(inode));
    RecordLock* spares[2] = {new (std::nothrow) RecordLock, new (std::nothrow) RecordLock};
    ScopeExit drop{[&] {
        delete spares[0];
        delete spares[1];
    }};
    if (!spares[0] || !spares[1]) return Errc::no_locks;
    for (;;) {
        const void* holder = nullptr;
        {
            SpinGuard guard(list.lock);
            RecordLock* conflict =
                request.type == LockType::none ? nullptr : find_conflict_locked(list, request);
            if (!conflict) {
                apply_locked(list, request, spares);
                break;
            }
            holder = conflict->range.owner;
        }
        if (when_held == WhenHeld::fail) return Errc::would_block;
        TRY(wait_for_change(list, holder, request));
    }
    list.changed.wake_all();
    return {};
}

RecordLockRequest test_record_lock(Inode& inode, const RecordLockRequest& request) {
    LockList* list = inode.locks.load(std::memory_order_acquire);
    if (!list) return {};
    SpinGuard guard(list->lock);
    RecordLock* conflict = find_conflict_locked(*list, request);
    return conflict ? conflict->range : RecordLockRequest{};
}

namespace {

template <class Matches>
void drop_records_locked(LockList& list, Matches matches) REQUIRES(list.lock) {
    list.records.for_each_safe([&](RecordLock& held) {
        list.lock.assert_held();
        if (!matches(held.range)) return;
        list.records.remove(held);
        delete &held;
    });
}

} // namespace

void release_record_locks(Inode& inode, const void* owner) {
    LockList* list = inode.locks.load(std::memory_order_acquire);
    if (!list) return;
    {
        SpinGuard guard(list->lock);
        drop_records_locked(
            *list, [owner](const RecordLockRequest& r) { return r.owner == owner && !r.is_ofd; });
    }
    list->changed.wake_all();
}

namespace {

FileLock* find_flock_locked(LockList& list, const File& owner) REQUIRES(list.lock) {
    for (FileLock& held : list.files)
        if (held.owner == &owner) return &held;
    return nullptr;
}

bool has_conflict_locked(LockList& list, const File& owner, LockType type) REQUIRES(list.lock) {
    for (FileLock& held : list.files)
        if (held.owner != &owner &&
            (type == LockType::exclusive || held.type == LockType::exclusive))
            return true;
    return false;
}

void drop_flock_locked(LockList& list, const File& owner) REQUIRES(list.lock) {
    if (FileLock* held = find_flock_locked(list, owner)) {
        list.files.remove(*held);
        delete held;
    }
}

} // namespace

Result<void> set_flock(File& file, LockType type, WhenHeld when_held) {
    LockList& list = *TRY(list_of(file.inode()));
    auto* fresh = new (std::nothrow) FileLock;
    if (!fresh) return Errc::no_locks;
    ScopeExit drop{[&] { delete fresh; }};
    bool gave_back = false;
    for (;;) {
        {
            SpinGuard guard(list.lock);
            FileLock* mine = find_flock_locked(list, file);
            if (mine && mine->type == type) return {};
            // A change of kind is not atomic: the old lock goes first (flock(2)).
            if (mine) {
                drop_flock_locked(list, file);
                gave_back = true;
            }
            if (type == LockType::none || !has_conflict_locked(list, file, type)) {
                if (type != LockType::none) {
                    fresh->owner = &file;
                    fresh->type = type;
                    list.files.push_back(*std::exchange(fresh, nullptr));
                }
                break;
            }
        }
        if (gave_back) list.changed.wake_all();
        if (when_held == WhenHeld::fail) return Errc::would_block;
        TRY(list.changed.wait_until([&] {
            SpinGuard guard(list.lock);
            return !has_conflict_locked(list, file, type);
        }));
    }
    list.changed.wake_all();
    return {};
}

void release_file_locks(File& file) {
    LockList* list = file.inode().locks.load(std::memory_order_acquire);
    if (!list) return;
    {
        SpinGuard guard(list->lock);
        drop_flock_locked(*list, file);
        drop_records_locked(*list, [&](const RecordLockRequest& r) { return r.owner == &file; });
    }
    list->changed.wake_all();
}

void destroy_lock_list(LockList* locks) { delete locks; }

} // namespace drupe::vfs
