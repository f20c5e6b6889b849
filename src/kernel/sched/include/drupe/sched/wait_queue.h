// SPDX-License-Identifier: BSD-2-Clause
// Where threads wait for a condition that somebody else makes true. The condition is the caller's;
// a queue only remembers who wants to look again.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drupe::sched {

class Thread;
class WaitQueue;

/// How a wait may end early.
enum class Interruptible : std::uint8_t { yes, no };

/// One presence on one queue. `woken` runs under the queue's lock with interrupts masked: by
/// default it makes the thread runnable; poll and epoll override it (and may take only locks that
/// rank below wait_queue).
class Waiter {
public:
    /// `each` waiter wakes one of those that compete for what became available; `everybody` is
    /// woken besides, whatever the count: for those who only watch (poll). Of the `exclusive`
    /// watchers a wake-up that has a key reaches only the first that takes it, one without reaches
    /// all; theirs are queues that are woken by wake_all.
    enum class Kind : std::uint8_t { competing, watching, exclusive };
    /// Does a wake-up take it off the queue? A watcher that stays sees every wake-up until removed.
    enum class After : std::uint8_t { leaves, stays };

    explicit Waiter(Thread& thread, Kind how = Kind::competing, After then = After::leaves)
        : kind(how), after(then), thread_(&thread) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    /// `key` is the waker's, see WaitQueue::wake. Whether it took the wake-up.
    virtual bool woken(std::uint32_t key);

    ListHook hook;                      // the queue's
    std::atomic<bool> is_queued{false}; // written under the queue's lock
    const Kind kind;
    const After after;

protected:
    /// A watcher that stays, with a `woken` of its own that makes no thread runnable itself.
    explicit Waiter(Kind how) : kind(how), after(After::stays), thread_(nullptr) {}
    ~Waiter() = default;
    Thread* thread_;
};

class WaitQueue {
public:
    /// Blocks until `ready()` returns true. `ready` is called without the queue's lock, at least
    /// once, in the calling thread; it may take its own spin locks but should not sleep. timed_out
    /// when `deadline` (monotonic) passes, restart when a signal is pending and `interruptible` is
    /// yes (callers that must not be restarted turn it into interrupted). Context: thread, no spin
    /// lock held.
    template <class Ready>
    Result<void> wait_until(Ready ready, Nanos deadline = Nanos::never(),
                            Interruptible interruptible = Interruptible::yes);

    /// Any context. The condition must have been changed before. Waking an empty queue costs a
    /// fence and one load.
    void wake_one() { wake(1); }
    void wake_all(std::uint32_t key = 0) { wake(SIZE_MAX, key); }
    /// `key` tells watchers what became possible, in words of the queue's owner; 0: perhaps all.
    void wake(std::size_t most, std::uint32_t key = 0) {
        if (has_waiters_by_now()) wake_slow(most, key);
    }

    /// From a Waiter's `woken`, with another queue's lock held. The caller answers for an order
    /// among the queues that no two of them take differently.
    void wake_nested(std::size_t most, std::uint32_t key = 0) {
        if (has_waiters_by_now()) wake_nested_slow(most, key);
    }

    /// Puts a waiter on the queue; false: it is there already.
    bool add(Waiter& waiter);
    /// Takes it off; false: it was not queued any more. Afterwards `woken` does not run.
    bool remove(Waiter& waiter) {
        // Acquire pairs with the release in take_off_locked().
        if (waiter.is_queued.load(std::memory_order_acquire)) return remove_queued(waiter);
        // Who took it off did so with the lock held and may still be in woken().
        while (lock_.is_held()) arch::cpu_relax();
        return false;
    }
    bool has_waiters() const { return count_.load(std::memory_order_relaxed) != 0; }

private:
    bool has_waiters_by_now() const {
        // The caller's change of the condition before the look at the queue: pairs with the fence
        // between a waiter's entry and its look at the condition, in add().
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return has_waiters();
    }
    void wake_slow(std::size_t most, std::uint32_t key);
    void wake_nested_slow(std::size_t most, std::uint32_t key);
    void wake_locked(std::size_t most, std::uint32_t key) REQUIRES(lock_);
    bool remove_queued(Waiter& waiter);
    void take_off_locked(Waiter& waiter) REQUIRES(lock_);

    SpinLock<LockRank::wait_queue> lock_;
    std::atomic<std::uint32_t> count_{0};
    IntrusiveList<Waiter, &Waiter::hook> waiters_ GUARDED_BY(lock_); // watchers first
};

/// The steps wait_until is made of, for waits on several queues:
///   prepare_to_wait(); add(...); while (!ready()) { if interrupted or past deadline: stop;
///   block(deadline); prepare_to_wait(); add(...) again; } finish_wait(); remove(...)
/// In this order: a wake-up takes a waiter off, and one that found its thread not yet waiting would
/// be lost. A waiter that stays on its queue may be added before.
/// A wake-up between prepare_to_wait and block makes block return at once. block may also return
/// for no reason. Context: thread, no spin lock held.
void prepare_to_wait();
void block(Nanos deadline);
void finish_wait();
bool interrupted();
/// Sleeps until `deadline`: timed_out, or restart when a signal is pending.
Result<void> sleep_until(Nanos deadline, Interruptible interruptible = Interruptible::yes);

} // namespace drupe::sched

#include <drupe/sched/wait_queue_inl.h>
