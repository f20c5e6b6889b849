// SPDX-License-Identifier: BSD-2-Clause
// The kernel's clocks, and one-shot timers on the monotonic one. Tickless: the CPU's timer is armed
// for the earliest deadline only.
#pragma once

#include <drupe/base/units.h>

#include <cstdint>

namespace drupe::time {

/// Time since boot. Any context.
Nanos now();
/// Wall-clock time as nanoseconds since 1970-01-01 UTC. Any context.
Nanos wall();
/// Sets the wall clock: now() + offset == wall().
void set_wall(Nanos wall);

/// A callback at a deadline. Runs in interrupt context on some CPU; may wake threads, must not
/// sleep. Not copyable; destroying an armed timer cancels it.
class Timer {
public:
    using Action = void (*)(Timer&);
    explicit Timer(Action action) : action_(action) {}
    ~Timer() { cancel(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    /// (Re)arms for `deadline` on the monotonic clock. Any context.
    void arm(Nanos deadline);
    /// After it returns the action does not run (unless called from the action itself). Any
    /// context.
    void cancel();
    bool is_armed() const { return armed_; }
    Nanos deadline() const { return deadline_; }

private:
    friend class TimerQueue;
    Action action_;
    Nanos deadline_{0};
    bool armed_ = false;
    // The queue's links: a pairing heap or tree, O(log n) or better, insertion cannot fail.
    Timer* child_ = nullptr;
    Timer* sibling_ = nullptr;
    Timer* previous_ = nullptr;
};

/// Called by the timer interrupt: runs what is due, arms the CPU's timer for the next.
void on_timer_interrupt();

} // namespace drupe::time
