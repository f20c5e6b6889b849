// SPDX-License-Identifier: BSD-2-Clause
// A process's timers that signal it: the three of setitimer(2) and those of timer_create(2).
#pragma once

#include "user_time.h"

#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/process/process.h>
#include <drupe/process/signal.h>
#include <drupe/process/user_usage.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/mutex.h>
#include <drupe/sched/thread.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/time/timer.h>

#include <cstdint>

namespace drupe::syscall {

/// What a signalling timer counts.
struct TimeSource {
    enum class Kind : std::uint8_t { monotonic, wall, process_cpu, thread_cpu };
    Kind kind = Kind::monotonic;
    process::Process* process = nullptr;
    RefPtr<sched::Thread> thread{};
    Nanos now() const;
    bool is_cpu() const { return kind == Kind::process_cpu || kind == Kind::thread_cpu; }
};

struct TimerSetting {
    Nanos left;     // until the next expiry; 0: disarmed
    Nanos interval; // 0: once
};

/// One timer: fires when its source reaches a value, again after each interval. CPU time is not
/// watched tick by tick: the earliest moment at which it can reach the value is, as often as
/// needed. A timer whose program does not keep up interrupts it once a millisecond at most and
/// counts the intervals between: however short they are, the program runs.
class SignalTimer {
public:
    /// `fire` runs in interrupt context. False: the program has not taken the last expiry yet, or
    /// does not want to know.
    using Fire = bool (*)(SignalTimer& timer);
    SignalTimer(TimeSource source, Fire fire);
    ~SignalTimer() { disarm(); }

    /// Context: thread, one at a time. `first` in the source's time; 0 disarms.
    void set(Nanos first, Nanos interval);
    /// Counts the wall clock, or the monotonic one; disarms. Not for sources that count CPU time.
    void follow_wall_clock(bool follow);
    /// Those that count the wall clock look at it again. Context: thread.
    static void wall_clock_was_set();
    TimerSetting setting() const;
    /// The program takes the signal of an expiry now: how many expiries passed since it took the
    /// last one, without signals of their own. The next is due again. Context: as set().
    std::int32_t take();
    /// What take() said last, since it was set.
    std::int32_t overrun() const { return overrun_; }
    const TimeSource& source() const { return source_; }

private:
    struct Alarm : time::Timer {
        explicit Alarm(SignalTimer& o);
        SignalTimer* owner;
    };
    void on_alarm();
    void disarm();
    void arm(Nanos at);
    void start(Nanos respite);
    std::int64_t count_locked(Nanos now) REQUIRES(lock_);
    Nanos earliest(Nanos now) const REQUIRES(lock_);

    TimeSource source_;
    Fire fire_;
    mutable SpinLock<LockRank::signal_timer> lock_; // with the alarm, which interrupts
    Nanos next_ GUARDED_BY(lock_){0};
    Nanos interval_ GUARDED_BY(lock_){0};
    std::int64_t untaken_ GUARDED_BY(lock_) = 0; // expiries that no take() has counted
    std::int32_t overrun_ = 0;
    Alarm timer_;
    SignalTimer* next_on_wall_ = nullptr; // of those that count the wall clock
    bool is_on_wall_ = false;
    friend struct WallTimers;
};

/// A timer of timer_create(2).
struct PosixTimer : SignalTimer {
    /// `uid` has been charged for its signal.
    PosixTimer(int clock_id, TimeSource source, Fire fire, std::uint32_t uid)
        : SignalTimer(std::move(source), fire), clock(clock_id), charged_uid(uid) {}
    int id = -1; // by add()
    int clock;
    process::Pid target_tid = 0; // 0: the process
    bool is_silent = false;      // SIGEV_NONE
    std::int32_t mark = 0;       // of its setting; changes while it is disarmed
    process::Process* process = nullptr;
    process::QueuedSignal node;
    std::uint32_t charged_uid = 0; // its signal counts as this user's
    ~PosixTimer() { process::use_less(charged_uid, process::PerUser::pending_signals, 1); }
};

class ProcessTimers final : public process::ProcessExtension {
public:
    /// The running process's, made at first use. no_memory.
    static Result<ProcessTimers*> of_current();
    explicit ProcessTimers(process::Process& process);
    ~ProcessTimers() override;
    void on_exec() override;
    void on_signal_taken(process::SigInfo& info) override;

    static constexpr int interval_timers = 3; // ITIMER_REAL, _VIRTUAL, _PROF
    SignalTimer& interval_timer(int which);

    sched::Mutex lock; // everything below, and setting any timer
    /// The timer, or null.
    PosixTimer* find(int id) REQUIRES(lock) {
        return id >= 0 && static_cast<std::size_t>(id) < capacity_ ? timers_[id] : nullptr;
    }
    /// Gives it the lowest id that is free. no_memory: it stays the caller's.
    Result<void> add(PosixTimer& timer) REQUIRES(lock);
    void remove(PosixTimer& timer) REQUIRES(lock);
    /// Signals that were sent before are not the timer's any more. It is disarmed.
    void renew_mark(PosixTimer& timer) REQUIRES(lock) {
        timer.mark = marks_ = marks_ == INT32_MAX ? 1 : marks_ + 1;
    }

private:
    struct IntervalTimer : SignalTimer {
        IntervalTimer(process::Process& p, TimeSource::Kind kind, int signal);
        process::Process* process;
        int signo;
    };
    process::Process& process_;
    IntervalTimer real_, virtual_, profiling_;
    void remove_all() REQUIRES(lock);
    PosixTimer** timers_ GUARDED_BY(lock) = nullptr; // by id
    std::size_t capacity_ GUARDED_BY(lock) = 0;
    std::size_t lowest_free_ GUARDED_BY(lock) = 0; // none below is
    std::int32_t marks_ GUARDED_BY(lock) = 0;
};

} // namespace drupe::syscall
