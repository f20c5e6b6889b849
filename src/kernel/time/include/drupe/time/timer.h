// SPDX-License-Identifier: BSD-2-Clause
// One-shot timers on the monotonic clock. Tickless: a CPU's hardware timer is armed for the
// earliest deadline only, and left alone when that timer is cancelled (one interrupt too many is
// cheaper than programming the hardware twice for every wait with a timeout).
#pragma once

#include <drupe/base/pairing_heap.h>
#include <drupe/base/units.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>

namespace drupe::time {

class TimerQueue;

/// A callback at a deadline. Runs in interrupt context on the CPU that armed it; may wake threads,
/// must not sleep. Not copyable; destroying an armed timer cancels it. One user at a time arms and
/// cancels a timer.
class Timer {
public:
    using Action = void (*)(Timer&);
    explicit constexpr Timer(Action action) : action_(action) {}
    ~Timer() { cancel(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    /// (Re)arms for `deadline` on the monotonic clock; never() disarms. Any context.
    void arm(Nanos deadline);
    /// After it returns the action does not run (unless called from the action itself). Any
    /// context, but not under a lock that the action takes.
    void cancel();
    bool is_armed() const { return armed_.load(std::memory_order_relaxed); }
    Nanos deadline() const { return deadline_; }

private:
    friend class TimerQueue;
    struct Earlier {
        bool operator()(const Timer& a, const Timer& b) const { return a.deadline_ < b.deadline_; }
    };
    Action action_;
    Nanos deadline_{0};
    std::atomic<bool> armed_{false};
    std::atomic<TimerQueue*> home_{nullptr}; // the queue it was last armed on
    HeapHook hook_;
};

/// The timers of one CPU.
class TimerQueue {
public:
    constexpr TimerQueue() = default;
    /// That of the CPU this runs on.
    static TimerQueue& local();

    void arm(Timer& timer, Nanos deadline);
    void cancel(Timer& timer);
    /// Runs what is due, then arms the hardware for the next. Interrupts masked, on its own CPU.
    void run();
    /// The earliest deadline, or never().
    Nanos next();

private:
    void program_locked() REQUIRES(lock_);
    void remove_locked(Timer& timer) REQUIRES(lock_);

    SpinLock<LockRank::timer> lock_;
    PairingHeap<Timer, &Timer::hook_, Timer::Earlier> timers_ GUARDED_BY(lock_);
    Timer* running_ GUARDED_BY(lock_) = nullptr;
    // What the hardware is armed for; 0 when it is not (so that the array of queues is zeros).
    Nanos programmed_ GUARDED_BY(lock_){0};
};

/// Called by the timer interrupt.
void on_timer_interrupt();

} // namespace drupe::time
