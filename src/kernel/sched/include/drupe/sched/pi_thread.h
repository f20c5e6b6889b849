// SPDX-License-Identifier: BSD-2-Clause
// A thread's part in priority inheritance.
#pragma once

#include <drupe/sched/run_queue.h>

#include <cstdint>

namespace drupe::sched {

struct PiLock;
struct PiWaiter;

/// Which locks of pi_futex.h it holds while others wait, which it waits for. Under that file's
/// lock.
struct PiThread {
    PiWaiter* waits = nullptr;
    PiLock* held = nullptr; // a chain
    bool has_ended = false;
    // What it was given, while it runs with more.
    bool is_boosted = false;
    Policy policy = Policy::other;
    std::uint8_t realtime_priority = 0;
};

} // namespace drupe::sched
