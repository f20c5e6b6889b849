// SPDX-License-Identifier: BSD-2-Clause
// Timers that signal, apart from how programs ask for them.
#include "process_timers.h"

#include <drupe/time/clock.h>

#include <algorithm>
#include <new>
#include <utility>

namespace drupe::syscall {
namespace {

/// What a program is left alone for when it has not taken the last expiry.
constexpr Nanos respite{1'000'000};

} // namespace

Nanos TimeSource::now() const {
    switch (kind) {
    case Kind::monotonic: return time::now();
    case Kind::wall: return time::wall();
    case Kind::process_cpu: return process->cpu_time();
    case Kind::thread_cpu: return thread->cpu_time();
    }
    return {0};
}

/// Timers that count the wall clock and may be armed. The lock also keeps arming one apart from
/// arming it anew because the clock was set.
struct WallTimers {
    SpinLock<LockRank::signal_timer> lock;
    SignalTimer* first GUARDED_BY(lock) = nullptr;

    void add(SignalTimer& timer) REQUIRES(lock) {
        if (std::exchange(timer.is_on_wall_, true)) return;
        timer.next_on_wall_ = first;
        first = &timer;
    }
    void remove(SignalTimer& timer) REQUIRES(lock) {
        if (!std::exchange(timer.is_on_wall_, false)) return;
        SignalTimer** at = &first;
        while (*at != &timer) at = &(*at)->next_on_wall_;
        *at = timer.next_on_wall_;
    }
};
static constinit WallTimers wall_timers;

SignalTimer::Alarm::Alarm(SignalTimer& o)
    : Timer([](time::Timer& t) { static_cast<Alarm&>(t).owner->on_alarm(); }), owner(&o) {}

SignalTimer::SignalTimer(TimeSource source, Fire fire)
    : source_(std::move(source)), fire_(fire), timer_(*this) {}

/// The first moment on the monotonic clock at which the source can have reached next_: one CPU
/// gives at most a nanosecond in each, n CPUs n.
Nanos SignalTimer::earliest(Nanos now) const {
    if (source_.kind == TimeSource::Kind::monotonic) return std::max(next_, Nanos{0});
    // Not before 1 ns: 0 would be no time.
    if (source_.kind == TimeSource::Kind::wall)
        return {std::max<std::int64_t>((next_ - time::wall_offset()).ns, 1)};
    const std::int64_t cpus =
        source_.kind == TimeSource::Kind::process_cpu ? std::int64_t{sched::cpu_count()} : 1;
    const Nanos left{std::max<std::int64_t>((next_ - now).ns / cpus, 1000)};
    return add_saturated(time::now(), left);
}

void SignalTimer::arm(Nanos at) {
    if (source_.kind != TimeSource::Kind::wall) return timer_.arm(at);
    IrqGuard guard{wall_timers.lock};
    wall_timers.add(*this);
    timer_.arm(at);
}

/// From here on the alarm does not run.
void SignalTimer::disarm() {
    if (source_.kind == TimeSource::Kind::wall) {
        IrqGuard guard{wall_timers.lock};
        wall_timers.remove(*this);
    }
    timer_.cancel();
}

void SignalTimer::follow_wall_clock(bool follow) {
    set({0}, {0});
    source_.kind = follow ? TimeSource::Kind::wall : TimeSource::Kind::monotonic;
}

void SignalTimer::wall_clock_was_set() {
    IrqGuard guard{wall_timers.lock};
    // The alarm comes at once, and finds out whether it is time or when it will be.
    for (SignalTimer* timer = wall_timers.first; timer; timer = timer->next_on_wall_)
        timer->timer_.arm(time::now());
}

/// Arms it for its next expiry, not before `respite` has passed.
void SignalTimer::start(Nanos respite) {
    for (;;) {
        const Nanos now = source_.now(), offset = time::wall_offset();
        Nanos at{0};
        {
            IrqGuard guard{lock_};
            if (next_.ns == 0) return;
            at = earliest(now);
        }
        if (respite.ns != 0) at = std::max(at, time::now() + respite);
        arm(at);
        // A clock that was set before the timer was among those that hear of it.
        if (source_.kind != TimeSource::Kind::wall || offset == time::wall_offset()) return;
    }
}

void SignalTimer::set(Nanos first, Nanos interval) {
    disarm();
    {
        IrqGuard guard{lock_};
        next_ = first;
        interval_ = interval;
        untaken_ = 0;
    }
    overrun_ = 0;
    start({0});
}

TimerSetting SignalTimer::setting() const {
    const Nanos now = source_.now();
    IrqGuard guard{lock_};
    if (next_.ns == 0) return {{0}, interval_};
    Nanos left = next_ - now;
    if (left.ns <= 0 && interval_.ns != 0) left = interval_ - Nanos{-left.ns % interval_.ns};
    // About to fire is not the same as disarmed.
    return {{std::max<std::int64_t>(left.ns, 1)}, interval_};
}

/// The expiries since it was asked last.
std::int64_t SignalTimer::count_locked(Nanos now) {
    // Or the clock was set after the last expiry.
    if (next_.ns == 0 || now < next_) return 0;
    std::int64_t expiries = 1;
    if (interval_.ns == 0) {
        next_ = {0};
    } else {
        expiries += (now - next_).ns / interval_.ns;
        next_ = add_saturated(next_, Nanos{expiries * interval_.ns});
    }
    untaken_ += expiries;
    return expiries;
}

void SignalTimer::on_alarm() {
    const Nanos now = source_.now();
    bool is_due = false;
    Nanos again = Nanos::never();
    {
        IrqGuard guard{lock_};
        is_due = count_locked(now) != 0;
        if (next_.ns != 0) again = earliest(now);
    }
    if (is_due && !fire_(*this) && again != Nanos::never())
        again = std::max(again, time::now() + respite);
    // One that counts the wall clock is among its kind already. Their lock is not taken here: who
    // holds it arms their alarms, and that waits for one that runs.
    if (again != Nanos::never()) timer_.arm(again);
}

std::int32_t SignalTimer::take() {
    timer_.cancel();
    const Nanos now = source_.now();
    Nanos pause{0};
    {
        IrqGuard guard{lock_};
        count_locked(now);
        const std::int64_t missed = untaken_ - 1;
        // An alarm since the signal left its queue has sent another, whose expiries are counted
        // here: it counts one less.
        untaken_ = std::min<std::int64_t>(missed, 0);
        // [posix] timer_getoverrun: the count stays at DELAYTIMER_MAX when it would be larger.
        overrun_ = static_cast<std::int32_t>(std::clamp<std::int64_t>(missed, 0, INT32_MAX));
        if (overrun_ != 0 && interval_ < respite) pause = respite;
    }
    start(pause); // the alarm was not armed for the next expiry while this one waited
    return overrun_;
}

// ---- a process's

ProcessTimers::IntervalTimer::IntervalTimer(process::Process& p, TimeSource::Kind kind, int signal)
    : SignalTimer({.kind = kind, .process = &p},
                  [](SignalTimer& t) {
                      auto& self = static_cast<IntervalTimer&>(t);
                      return process::post_signal(*self.process, self.signo);
                  }),
      process(&p), signo(signal) {}

ProcessTimers::ProcessTimers(process::Process& process)
    : process_(process), real_(process, TimeSource::Kind::monotonic, process::sigalrm),
      virtual_(process, TimeSource::Kind::process_cpu, process::sigvtalrm),
      profiling_(process, TimeSource::Kind::process_cpu, process::sigprof) {}

// Not analysed: nobody else knows it any more.
ProcessTimers::~ProcessTimers() NO_THREAD_SAFETY_ANALYSIS { remove_all(); }

void ProcessTimers::on_exec() {
    sched::MutexGuard guard(lock);
    remove_all();
}

void ProcessTimers::remove_all() {
    for (std::size_t i = 0; i < capacity_; i++)
        if (timers_[i]) remove(*timers_[i]);
    delete[] std::exchange(timers_, nullptr);
    capacity_ = lowest_free_ = 0;
}

void ProcessTimers::on_signal_taken(process::SigInfo& info) {
    sched::MutexGuard guard(lock);
    PosixTimer* const timer = find(info.u.timer.id);
    if (timer && timer->mark == info.timer_mark) info.u.timer.overrun = timer->take();
}

Result<ProcessTimers*> ProcessTimers::of_current() {
    process::Process& self = process::current_process();
    OwnPtr<process::ProcessExtension> made;
    for (;;) {
        {
            IrqGuard guard{process::tasks_lock()};
            // Another thread may have made one meanwhile.
            if (!self.timers) std::swap(self.timers, made);
            if (self.timers) return static_cast<ProcessTimers*>(self.timers.get());
        }
        made = TRY(make_own<ProcessTimers>(self));
    }
}

SignalTimer& ProcessTimers::interval_timer(int which) {
    return which == 0 ? real_ : which == 1 ? virtual_ : profiling_;
}

Result<void> ProcessTimers::add(PosixTimer& timer) {
    while (lowest_free_ < capacity_ && timers_[lowest_free_]) lowest_free_++;
    if (lowest_free_ == capacity_) {
        const std::size_t wanted = std::max<std::size_t>(8, capacity_ * 2);
        auto** const larger = new (std::nothrow) PosixTimer* [wanted] {};
        if (!larger) return Errc::no_memory;
        std::copy_n(timers_, capacity_, larger);
        delete[] std::exchange(timers_, larger);
        capacity_ = wanted;
    }
    timer.id = static_cast<int>(lowest_free_);
    timers_[lowest_free_++] = &timer;
    return {};
}

void ProcessTimers::remove(PosixTimer& timer) {
    const auto id = static_cast<std::size_t>(timer.id);
    timers_[id] = nullptr;
    lowest_free_ = std::min(lowest_free_, id);
    timer.set({0}, {0});
    process::withdraw_signal(process_, timer.node);
    delete &timer;
}

} // namespace drupe::syscall
