// SPDX-License-Identifier: BSD-2-Clause
// Buckets of futex waiters. A waiter compares the word and joins its bucket under the bucket's
// lock; a waker changed the word before it takes that lock. So either the waiter sees the change or
// the waker sees the waiter. A page fault cannot be served under the lock: the access then fails,
// the page is brought in without the lock, and everything is looked at again.
#include <drupe/sched/futex.h>

#include "pi_waiter.h"
#include "scheduler.h"

#include <drupe/arch/cpu.h>
#include <drupe/arch/user_access.h>
#include <drupe/base/scope_exit.h>
#include <drupe/sched/wait_queue.h>

#include <atomic>

namespace drupe::sched {
namespace {

struct Bucket;

struct FutexWaiter {
    FutexWaiter(FutexKey on, std::uint32_t bits) : key(on), bitset(bits), thread(&current()) {}
    FutexKey key;
    std::uint32_t bitset;
    Thread* thread;
    FutexWaiter* next; // the bucket's, as the next
    FutexWaiter* previous;
    // The bucket whose lock guards this, or null for the short time between two.
    std::atomic<Bucket*> home{nullptr};
    // Until a waker has done with this: it says so last, with the lock still held.
    std::atomic<bool> is_awaited{false};
    // Waits for this lock: only a move to it ends the wait, and its bitset meets no wake-up.
    PiWaiter* promised = nullptr;
    FutexKey promised_key; // with `promised` only
};

/// What waiters are woken by: real-time priority, 0 for all that have none.
int urgency(const FutexWaiter& w) {
    return w.thread->is_realtime() ? w.thread->realtime_priority() : 0;
}

/// The most urgent first; of equals, first in, first out. Zero when empty, so that the table costs
/// nothing in the image.
struct Bucket {
    SpinLock<LockRank::futex> lock;
    std::atomic<FutexWaiter*> first{nullptr}; // written under the lock
    FutexWaiter* last GUARDED_BY(lock) = nullptr;

    void push(FutexWaiter& w) REQUIRES(lock) {
        w.home.store(this, std::memory_order_relaxed);
        if (last) return insert(w);
        w.next = w.previous = nullptr;
        first.store(&w, std::memory_order_relaxed);
        last = &w;
    }
    /// Beside others. Priorities are looked at now: who gets another while it waits keeps its
    /// place.
    [[gnu::noinline]] void insert(FutexWaiter& w) REQUIRES(lock) {
        FutexWaiter* following = nullptr;
        if (const int mine = urgency(w); mine != 0) {
            following = first.load(std::memory_order_relaxed);
            while (following && urgency(*following) >= mine) following = following->next;
        }
        w.next = following;
        w.previous = following ? following->previous : last;
        if (w.previous)
            w.previous->next = &w;
        else
            first.store(&w, std::memory_order_relaxed);
        if (following)
            following->previous = &w;
        else
            last = &w;
    }
    void unlink(FutexWaiter& w) REQUIRES(lock) {
        if (w.previous)
            w.previous->next = w.next;
        else
            first.store(w.next, std::memory_order_relaxed);
        if (w.next)
            w.next->previous = w.previous;
        else
            last = w.previous;
    }
};

constexpr unsigned bucket_bits = 8;
constinit Bucket buckets[1u << bucket_bits];

Bucket& bucket_of(FutexKey key) {
    // Words are 4-byte aligned and neighbours are often used together: spread by multiplication
    // with 2^64 / golden ratio, of which the upper bits are good.
    const std::uint64_t mixed =
        (reinterpret_cast<std::uintptr_t>(key.owner) >> 4 ^ key.offset >> 2) *
        0x9e37'79b9'7f4a'7c15;
    return buckets[mixed >> (64 - bucket_bits)];
}

/// The word's value without sleeping; fault also when its page is merely absent.
Result<std::uint32_t> peek(VirtAddr word) {
    UserFaultsOff off;
    return arch::user_load(word);
}

enum class Join : std::uint8_t { joined, other_value, page_absent };

inline Join join(FutexWaiter& waiter, FutexExpectation expected) {
    Bucket& bucket = bucket_of(waiter.key);
    SpinGuard guard{bucket.lock};
    // The lock is seen as held before the word is read: pairs with the fence in futex_wake(), which
    // looks at them the other way round.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const auto seen = peek(expected.word);
    if (!seen.ok()) return Join::page_absent;
    if (seen.value() != expected.value) return Join::other_value;
    waiter.is_awaited.store(true, std::memory_order_relaxed);
    bucket.push(waiter);
    Scheduler::prepare_to_wait(); // before the lock goes: a waker finds the thread's wait announced
    return Join::joined;
}

/// False: somebody woke it. Returns only when no waker can touch the waiter any more.
[[gnu::noinline]] bool remove_awaited(FutexWaiter& waiter) {
    for (;;) {
        // A guess until its lock is held.
        Bucket* home = waiter.home.load(std::memory_order_relaxed);
        if (!home) { // being requeued on another CPU
            arch::cpu_relax();
            continue;
        }
        SpinGuard guard{home->lock};
        if (waiter.home.load(std::memory_order_relaxed) != home) continue;
        if (!waiter.is_awaited.load(std::memory_order_relaxed)) return false;
        home->unlink(waiter);
        return true;
    }
}
inline bool remove(FutexWaiter& waiter) {
    // Acquire pairs with the release in wake_locked(): the waker touches it no more.
    return waiter.is_awaited.load(std::memory_order_acquire) && remove_awaited(waiter);
}

inline std::size_t wake_locked(Bucket& bucket, FutexKey key, std::size_t most, std::uint32_t bitset)
    REQUIRES(bucket.lock) {
    std::size_t woken = 0;
    for (FutexWaiter* w = bucket.first.load(std::memory_order_relaxed); w && woken < most;) {
        FutexWaiter* following = w->next;
        if (w->key == key && (w->bitset & bitset) != 0) {
            bucket.unlink(*w);
            Scheduler::wake(*w->thread);
            // The last touch: a thread that sees it goes on without the lock, and the waiter with
            // it. Pairs with the acquire in remove().
            w->is_awaited.store(false, std::memory_order_release);
            ++woken;
        }
        w = following;
    }
    return woken;
}

/// Takes up to `most` waiters on `key` out of the bucket, as a chain, to be moved.
FutexWaiter* detach_locked(Bucket& bucket, FutexKey key, std::size_t most) REQUIRES(bucket.lock) {
    FutexWaiter* chain = nullptr;
    FutexWaiter** end = &chain;
    for (FutexWaiter* w = bucket.first.load(std::memory_order_relaxed); w && most > 0;) {
        FutexWaiter* following = w->next;
        if (w->key == key) {
            bucket.unlink(*w);
            w->home.store(nullptr, std::memory_order_relaxed);
            w->next = nullptr;
            *end = w;
            end = &w->next;
            --most;
        }
        w = following;
    }
    return chain;
}

std::size_t attach(FutexWaiter* chain, FutexKey key) {
    Bucket& bucket = bucket_of(key);
    SpinGuard guard{bucket.lock};
    std::size_t count = 0;
    while (FutexWaiter* w = chain) {
        chain = w->next;
        w->key = key;
        bucket.push(*w);
        ++count;
    }
    return count;
}

} // namespace

namespace {

/// Joins the bucket and announces the wait; what does not lead there is the caller's to return.
[[gnu::always_inline]] inline Result<void> join_or_fail(FutexWaiter& waiter,
                                                        FutexExpectation expected) {
    for (;;) {
        switch (join(waiter, expected)) {
        case Join::joined: return {};
        case Join::other_value: return Errc::would_block;
        case Join::page_absent: TRY(arch::user_load(expected.word));
        }
    }
}

} // namespace

Result<void> futex_wait(FutexKey key, FutexExpectation expected, std::uint32_t bitset,
                        Deadline deadline) {
    const WallClockWatch watch(deadline);
    FutexWaiter waiter(key, bitset);
    for (;;) {
        TRY(join_or_fail(waiter, expected));
        // Only now: a wall clock that is set from here on ends the wait that join() announced.
        const Nanos until = deadline.monotonic();
        const Errc reason = reason_to_stop(until, Interruptible::yes);
        if (reason == Errc::ok) block(until);
        Scheduler::finish_wait();
        if (!remove(waiter)) return {};
        if (reason != Errc::ok) return reason;
        // Woken for another reason, or requeued and then woken for one: the loop finds out which.
        waiter.key = key;
    }
}

Result<void> futex_wait_endless(FutexKey key, FutexExpectation expected, std::uint32_t bitset) {
    FutexWaiter waiter(key, bitset);
    for (;;) {
        TRY(join_or_fail(waiter, expected));
        const bool is_interrupted = current().has_interrupt();
        if (!is_interrupted) Scheduler::block();
        Scheduler::finish_wait();
        if (!remove(waiter)) return {};
        if (is_interrupted) return Errc::restart;
        waiter.key = key; // as in futex_wait()
    }
}

std::size_t futex_wake(FutexKey key, std::size_t most, std::uint32_t bitset) {
    Bucket& bucket = bucket_of(key);
    // The program's change of the word before the look at the bucket: pairs with the bucket lock
    // that a waiter takes around its look at the word.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    // The lock first: found free, a waiter either is in the list already or has yet to read the
    // word.
    if (!bucket.lock.is_held() && !bucket.first.load(std::memory_order_relaxed)) return 0;
    SpinGuard guard{bucket.lock};
    return wake_locked(bucket, key, most, bitset);
}

namespace {

constinit std::atomic<std::uint32_t> promised_waiters{0}; // a hint; alone, so relaxed

bool has_promised_locked(Bucket& bucket, FutexKey key) REQUIRES(bucket.lock) {
    for (FutexWaiter* w = bucket.first.load(std::memory_order_relaxed); w; w = w->next)
        if (w->key == key && w->promised) return true;
    return false;
}

} // namespace

bool futex_has_lock_waiter(FutexKey key) {
    if (promised_waiters.load(std::memory_order_relaxed) == 0) return false;
    Bucket& bucket = bucket_of(key);
    SpinGuard guard{bucket.lock};
    return has_promised_locked(bucket, key);
}

Result<FutexRequeued> futex_requeue(const FutexRequeue& request) {
    Bucket& from = bucket_of(request.from);
    FutexRequeued done{};
    FutexWaiter* chain = nullptr;
    for (;;) {
        {
            SpinGuard guard{from.lock};
            const auto seen = request.expected ? peek(request.expected->word) : std::uint32_t{0};
            if (seen.ok()) {
                if (request.expected && seen.value() != request.expected->value)
                    return Errc::would_block;
                if (has_promised_locked(from, request.from)) return Errc::invalid;
                done.woken = wake_locked(from, request.from, request.wake, futex_any);
                if (!(request.from == request.to))
                    chain = detach_locked(from, request.from, request.move);
                break;
            }
        }
        TRY(arch::user_load(request.expected->word));
    }
    if (chain) done.moved = attach(chain, request.to);
    return done;
}

Result<void> futex_wait_for_lock(FutexKey key, FutexExpectation expected, const PiRequest& lock,
                                 const Deadline& deadline) {
    const WallClockWatch watch(deadline);
    PiWaiter promised{.thread = &current(), .id = lock.own_id};
    FutexWaiter waiter(key, 0);
    waiter.promised = &promised;
    waiter.promised_key = lock.key;
    promised_waiters.fetch_add(1, std::memory_order_relaxed);
    const ScopeExit gone{[] { promised_waiters.fetch_sub(1, std::memory_order_relaxed); }};
    for (;;) {
        TRY(join_or_fail(waiter, expected));
        const Nanos until = deadline.monotonic();
        const Errc reason = reason_to_stop(until, Interruptible::yes);
        if (reason == Errc::ok) block(until);
        Scheduler::finish_wait();
        if (!remove(waiter)) break;
        if (reason != Errc::ok) return reason == Errc::restart ? Errc::restart_always : reason;
    }
    const Result<void> outcome = pi_wait_queued(lock, promised, deadline);
    // Repeated, the call would find the first word changed.
    if (!outcome.ok() && outcome.error() == Errc::restart_always) return Errc::would_block;
    return outcome;
}

namespace {

/// The most urgent waiter on `key`; of equals the longest waiting. invalid: one of them does not
/// wait for that lock.
Result<FutexWaiter*> next_for_lock(Bucket& bucket, FutexKey key, FutexKey lock)
    REQUIRES(bucket.lock) {
    FutexWaiter* best = nullptr;
    for (FutexWaiter* w = bucket.first.load(std::memory_order_relaxed); w; w = w->next) {
        if (!(w->key == key)) continue;
        if (!w->promised || !(w->promised_key == lock)) return Errc::invalid;
        if (!best || urgency(*w) > urgency(*best)) best = w;
    }
    return best;
}

/// What moving waiters to one lock has come to.
struct LockMove {
    PiRequest lock; // own_id is each waiter's in turn
    std::size_t most;
    std::size_t moved = 0;
    OwnPtr<PiLock> fresh;
};

Result<PiStep> move_locked(Bucket& bucket, FutexKey from, LockMove& move, PiSeen seen)
    REQUIRES(bucket.lock) {
    while (move.moved < move.most) {
        FutexWaiter* const w = TRY(next_for_lock(bucket, from, move.lock.key));
        if (!w) break;
        move.lock.own_id = w->promised->id;
        const PiStep step = TRY(pi_enter_for(move.lock, seen, *w->promised, move.fresh));
        if (step == PiStep::again || step == PiStep::page_absent) return step;
        bucket.unlink(*w);
        move.moved++;
        if (step == PiStep::done) {
            seen = {.id = w->promised->id, .owner = RefPtr<Thread>(w->thread)};
            Scheduler::wake(*w->thread);
        }
        w->is_awaited.store(false, std::memory_order_release); // the last touch: wake_locked()
    }
    return PiStep::done;
}

} // namespace

Result<std::size_t> futex_requeue_to_lock(FutexKey from, FutexExpectation expected,
                                          const PiRequest& lock, std::size_t most) {
    Bucket& bucket = bucket_of(from);
    LockMove move{.lock = lock, .most = most, .fresh = TRY(make_own<PiLock>())};
    for (;;) {
        TRY(arch::user_load(expected.word));
        TRY(pi_bring_in(lock.word));
        PiSeen seen = TRY(pi_look(lock));
        SpinGuard guard{bucket.lock};
        if (move.moved == 0) {
            const auto value = peek(expected.word);
            if (!value.ok()) continue;
            if (value.value() != expected.value) return Errc::would_block;
        }
        if (TRY(move_locked(bucket, from, move, std::move(seen))) == PiStep::done)
            return move.moved;
    }
}

} // namespace drupe::sched
