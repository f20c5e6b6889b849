// SPDX-License-Identifier: BSD-2-Clause
// Those who wait for a time of day are on one list, and look at the clock again when it was set.
#include <drupe/sched/wall_clock.h>

#include "scheduler.h"

#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/sync/spin_lock.h>

namespace drupe::sched {
namespace {

struct Watches {
    SpinLock<LockRank::wait_queue> lock;
    WallClockWatch* first GUARDED_BY(lock) = nullptr;
};
constinit Watches watches;

} // namespace

void WallClockWatch::start() {
    thread_ = &current();
    IrqGuard guard{watches.lock};
    next_ = watches.first;
    if (next_) next_->previous_ = this;
    watches.first = this;
}

void WallClockWatch::stop() {
    IrqGuard guard{watches.lock};
    (previous_ ? previous_->next_ : watches.first) = next_;
    if (next_) next_->previous_ = previous_;
}

void WallClockWatch::wake_all() {
    // The clock's new offset before the look at threads' states: pairs with prepare_to_wait().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    IrqGuard guard{watches.lock};
    for (WallClockWatch* watch = watches.first; watch; watch = watch->next_)
        Scheduler::wake(*watch->thread_);
}

Result<void> sleep_until(const Deadline& deadline) {
    const WallClockWatch watch(deadline);
    for (;;) {
        prepare_to_wait();
        // Only now: a clock that is set from here on ends the wait that was just announced.
        const Nanos until = deadline.monotonic();
        const Errc outcome = reason_to_stop(until, Interruptible::yes);
        if (outcome != Errc::ok) {
            finish_wait();
            return outcome;
        }
        block(until);
    }
}

void set_wall_clock(Nanos wall) {
    time::set_wall(wall);
    WallClockWatch::wake_all();
}

} // namespace drupe::sched
