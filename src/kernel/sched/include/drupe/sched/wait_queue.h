// SPDX-License-Identifier: BSD-2-Clause
// Where threads wait for a condition that somebody else makes true. The condition is the caller's;
// a queue only remembers who wants to look again.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/sync/spin_lock.h>

#include <cstddef>
#include <cstdint>

namespace drupe::sched {

class Thread;
class WaitQueue;

/// How a wait may end early.
enum class Interruptible : std::uint8_t { yes, no };

/// One presence on one queue. `woken` runs under the queue's lock with interrupts masked: by
/// default it makes the thread runnable; poll and epoll override it.
class Waiter {
public:
    explicit Waiter(Thread& thread) : thread_(&thread) {}
    virtual void woken();
    ListHook hook;

protected:
    ~Waiter() = default;
    Thread* thread_;
};

class WaitQueue {
public:
    /// Blocks until `ready()` returns true. `ready` is called without the queue's lock, at least
    /// once, in the calling thread; it may take its own locks. timed_out when `deadline`
    /// (monotonic) passes, restart when a signal is pending and `interruptible` is yes (callers
    /// that must not be restarted turn it into interrupted). Context: thread, no spin lock held.
    template <class Ready>
    Result<void> wait_until(Ready ready, Nanos deadline = Nanos::never(),
                            Interruptible interruptible = Interruptible::yes);

    /// Any context. Waking an empty queue costs one load.
    void wake_one() { wake(1); }
    void wake_all() { wake(SIZE_MAX); }

    void add(Waiter& waiter);
    void remove(Waiter& waiter); // no-op when it is not queued any more

private:
    void wake(std::size_t most);
    void wake_slow(std::size_t most);
    SpinLock<LockRank::wait_queue> lock_;
    IntrusiveList<Waiter, &Waiter::hook> waiters_;
};

/// The steps wait_until is made of, for waits on several queues:
///   prepare_to_wait(); while (!ready()) { if interrupted or past deadline: stop; block(deadline);
///   prepare }
/// A wake-up between prepare_to_wait and block makes block return at once.
void prepare_to_wait();
void block(Nanos deadline);
void finish_wait();
bool interrupted();

} // namespace drupe::sched

#include <drupe/sched/wait_queue_inl.h>
