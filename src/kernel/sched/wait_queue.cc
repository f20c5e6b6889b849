// SPDX-License-Identifier: BSD-2-Clause
// Queues of waiters, and waits with a deadline.
#include <drupe/sched/wait_queue.h>

#include "scheduler.h"

#include <drupe/sched/thread.h>
#include <drupe/time/clock.h>

namespace drupe::sched {

bool Waiter::woken(std::uint32_t) {
    Scheduler::wake(*thread_);
    return true;
}

bool WaitQueue::add(Waiter& waiter) {
    {
        IrqGuard guard{lock_};
        if (waiter.hook.is_linked()) return false;
        waiter.is_queued.store(true, std::memory_order_relaxed);
        if (waiter.kind == Waiter::Kind::watching)
            waiters_.push_front(waiter);
        else
            waiters_.push_back(waiter);
        count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    // The entry before the caller's look at its condition: pairs with the fence in wake(). That of
    // prepare_to_wait() came before the entry.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return true;
}

void WaitQueue::take_off_locked(Waiter& waiter) {
    waiters_.remove(waiter);
    // With the lock held, so that remove() knows whom to wait for.
    waiter.is_queued.store(false, std::memory_order_release);
    count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

bool WaitQueue::remove_queued(Waiter& waiter) {
    IrqGuard guard{lock_};
    if (!waiter.hook.is_linked()) return false;
    take_off_locked(waiter);
    return true;
}

void WaitQueue::wake_slow(std::size_t most, std::uint32_t key) {
    IrqGuard guard{lock_};
    wake_locked(most, key);
}

void WaitQueue::wake_nested_slow(std::size_t most, std::uint32_t key) {
    const arch::IrqState state = arch::irq_save();
    lock_.lock_nested();
    wake_locked(most, key);
    lock_.unlock();
    arch::irq_restore(state);
}

void WaitQueue::wake_locked(std::size_t most, std::uint32_t key) {
    bool taken = false; // by an exclusive watcher
    for (Waiter* w = waiters_.front(); w;) {
        const bool competing = w->kind == Waiter::Kind::competing;
        if (competing && most-- == 0) return;
        Waiter* following = waiters_.next(*w);
        if (w->after == Waiter::After::leaves) take_off_locked(*w);
        // With the lock held, it cannot go away before remove() had its turn.
        if (w->kind != Waiter::Kind::exclusive)
            w->woken(key);
        else if (!taken || key == 0)
            taken |= w->woken(key);
        w = following;
    }
}

void prepare_to_wait() { Scheduler::prepare_to_wait(); }
void finish_wait() { Scheduler::finish_wait(); }
bool interrupted() { return current().has_interrupt(); }

namespace {

struct Timeout : time::Timer {
    explicit Timeout(Thread& thread)
        : Timer([](Timer& t) { Scheduler::wake(*static_cast<Timeout&>(t).thread_); }),
          thread_(&thread) {}
    Thread* thread_;
};

/// Apart, so that a wait without a deadline does not carry the timer in its frame.
[[gnu::noinline]] void block_with_timeout(Nanos deadline) {
    Timeout timeout(current());
    timeout.arm(deadline);
    Scheduler::block();
}

} // namespace

void block(Nanos deadline) {
    if (deadline == Nanos::never())
        Scheduler::block();
    else
        block_with_timeout(deadline);
}

Errc reason_to_stop(Nanos deadline, Interruptible interruptible) {
    if (interruptible == Interruptible::yes && interrupted()) return Errc::restart;
    if (deadline != Nanos::never() && time::now() >= deadline) return Errc::timed_out;
    return Errc::ok;
}

Result<void> sleep_until(Nanos deadline, Interruptible interruptible) {
    for (;;) {
        prepare_to_wait();
        const Errc outcome = reason_to_stop(deadline, interruptible);
        if (outcome != Errc::ok) {
            finish_wait();
            return outcome;
        }
        block(deadline);
    }
}

} // namespace drupe::sched
