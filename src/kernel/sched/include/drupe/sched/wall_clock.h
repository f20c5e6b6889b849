// SPDX-License-Identifier: BSD-2-Clause
// Waiting until the wall clock shows a time, though somebody may set it meanwhile.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/time/clock.h>

namespace drupe::sched {

class Thread;

/// A point in time on one of the two clocks.
class Deadline {
public:
    Deadline(Nanos monotonic) : at_(monotonic) {} // NOLINT: every point so far is one of these
    static Deadline on_wall(Nanos wall) {
        Deadline deadline(wall);
        deadline.is_on_wall_ = true;
        return deadline;
    }
    bool is_on_wall() const { return is_on_wall_; }
    /// As the wall clock is set now. `wall` is at or after 1970, so nothing overflows.
    Nanos monotonic() const { return is_on_wall_ ? at_ - time::wall_offset() : at_; }

private:
    Nanos at_;
    bool is_on_wall_ = false;
};

/// While it lives, setting the wall clock ends block() in the thread that made it. Does nothing for
/// a deadline on the monotonic clock. Context: thread, no spin lock held.
class WallClockWatch {
public:
    explicit WallClockWatch(const Deadline& deadline) {
        if (deadline.is_on_wall()) start();
    }
    ~WallClockWatch() {
        if (thread_) stop();
    }
    WallClockWatch(const WallClockWatch&) = delete;
    WallClockWatch& operator=(const WallClockWatch&) = delete;
    static void wake_all();

private:
    void start();
    void stop();
    Thread* thread_ = nullptr; // null: not on the list
    WallClockWatch* next_ = nullptr;
    WallClockWatch* previous_ = nullptr;
};

/// As sleep_until() for a monotonic point.
Result<void> sleep_until(const Deadline& deadline);

/// Sets the wall clock; who waits for a time on it waits for that time on the clock as it is now.
/// Context: thread.
void set_wall_clock(Nanos wall);

} // namespace drupe::sched
