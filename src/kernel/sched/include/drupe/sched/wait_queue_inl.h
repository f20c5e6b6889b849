// SPDX-License-Identifier: BSD-2-Clause
// The body of WaitQueue::wait_until.
#pragma once

#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/time/clock.h>

namespace drupe::sched {

/// The default kind of presence: makes its thread runnable.
class ThreadWaiter final : public Waiter {
public:
    using Waiter::Waiter;
};

/// Why a wait that found its condition false should end now; ok: it should not.
Errc reason_to_stop(Nanos deadline, Interruptible interruptible);

template <class Ready>
Result<void> WaitQueue::wait_until(Ready ready, Nanos deadline, Interruptible interruptible) {
    if (ready()) return {};
    ThreadWaiter waiter(current());
    Errc outcome = Errc::ok;
    bool chosen = false; // by the last wake-up, which took the waiter off
    for (bool is_first = true;; is_first = false) {
        // The wait is announced before the waiter stands on the queue: a wake-up that takes it off
        // then keeps block() from sleeping, whatever it was for.
        prepare_to_wait();
        chosen = add(waiter) && !is_first;
        if (ready()) break;
        outcome = reason_to_stop(deadline, interruptible);
        if (outcome != Errc::ok) break;
        block(deadline);
        if (ready()) break;
    }
    finish_wait();
    if (!remove(waiter)) chosen = true;
    // Giving up after having been chosen: the wake-up belongs to somebody else.
    if (chosen && outcome != Errc::ok) wake_one();
    if (outcome != Errc::ok) return outcome;
    return {};
}

} // namespace drupe::sched
