// SPDX-License-Identifier: BSD-2-Clause
// The body of WaitQueue::wait_until.
#pragma once

#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/time/clock.h>

namespace drupe::sched {

template <class Ready>
Result<void> WaitQueue::wait_until(Ready ready, Nanos deadline, Interruptible interruptible) {
    if (ready()) return {};
    struct Plain final : Waiter {
        using Waiter::Waiter;
    } waiter(current());
    add(waiter);
    Result<void> outcome;
    for (;;) {
        prepare_to_wait();
        if (ready()) break;
        if (interruptible == Interruptible::yes && interrupted()) {
            outcome = Errc::restart;
            break;
        }
        if (deadline != Nanos::never() && time::now() >= deadline) {
            outcome = Errc::timed_out;
            break;
        }
        block(deadline);
        add(waiter); // a wake-up took it off the queue
    }
    finish_wait();
    remove(waiter);
    return outcome;
}

} // namespace drupe::sched
