// SPDX-License-Identifier: BSD-2-Clause
// Tells one thread that there is something to do: an auto-reset event.
#pragma once

#include <drupe/base/units.h>
#include <drupe/sched/wait_queue.h>

#include <atomic>

namespace drupe::sched {

class AutoEvent {
public:
    /// The thread looks once more, and sees what came before this. Any context.
    void set() {
        // Pairs with the acquire in wait(). Exchanged: a store over another's would cut what that
        // one releases.
        if (!is_set_.exchange(true, std::memory_order_release)) thread_.wake_one();
    }
    /// Until it is set, which it is no longer then, or until the deadline. By the one thread.
    void wait(Nanos deadline = Nanos::never()) {
        static_cast<void>(
            thread_.wait_until([this] { return is_set_.load(std::memory_order_relaxed); }, deadline,
                               Interruptible::no));
        // Before the look for what there is to do, so that what comes meanwhile is not missed.
        is_set_.exchange(false, std::memory_order_acquire);
    }

private:
    std::atomic<bool> is_set_{false};
    WaitQueue thread_;
};

} // namespace drupe::sched
