// SPDX-License-Identifier: BSD-2-Clause
// Timers that signal, apart from how programs ask for them.
#include "process_timers.h"

#include <drupe/time/clock.h>

#include <algorithm>

namespace drupe::syscall {

Nanos TimeSource::now() const {
    switch (kind) {
    case Kind::monotonic: return time::now();
    case Kind::process_cpu: return process->cpu_time();
    case Kind::thread_cpu: return thread->cpu_time();
    }
    return {0};
}

SignalTimer::Alarm::Alarm(SignalTimer& o)
    : Timer([](time::Timer& t) { static_cast<Alarm&>(t).owner->on_alarm(); }), owner(&o) {}

SignalTimer::SignalTimer(TimeSource source, Fire fire)
    : source_(std::move(source)), fire_(fire), timer_(*this) {}

/// The first moment on the monotonic clock at which the source can have reached next_: one CPU
/// gives at most a nanosecond in each, n CPUs n.
Nanos SignalTimer::earliest(Nanos now) const {
    if (source_.kind == TimeSource::Kind::monotonic) return next_;
    const std::int64_t cpus =
        source_.kind == TimeSource::Kind::process_cpu ? std::int64_t{sched::cpu_count()} : 1;
    const Nanos left{std::max<std::int64_t>((next_ - now).ns / cpus, 1000)};
    return add_saturated(time::now(), left);
}

void SignalTimer::set(Nanos first, Nanos interval) {
    timer_.cancel(); // from here the alarm does not run
    const Nanos now = source_.now();
    Nanos at{0};
    {
        IrqGuard guard{lock_};
        next_ = first;
        interval_ = interval;
        at = earliest(now);
    }
    if (first.ns != 0) timer_.arm(at);
}

TimerSetting SignalTimer::setting() const {
    const Nanos now = source_.now();
    IrqGuard guard{lock_};
    if (next_.ns == 0) return {{0}, interval_};
    // About to fire is not the same as disarmed.
    return {{std::max<std::int64_t>((next_ - now).ns, 1)}, interval_};
}

void SignalTimer::on_alarm() {
    const Nanos now = source_.now();
    std::uint64_t expiries = 0;
    Nanos again = Nanos::never();
    {
        IrqGuard guard{lock_};
        if (now >= next_) {
            expiries = 1;
            if (interval_.ns == 0) {
                next_ = {0};
            } else {
                expiries += static_cast<std::uint64_t>((now - next_).ns / interval_.ns);
                next_ =
                    add_saturated(next_, Nanos{static_cast<std::int64_t>(expiries) * interval_.ns});
            }
        }
        if (next_.ns != 0) again = earliest(now);
    }
    timer_.arm(again);
    if (expiries != 0) fire_(*this, expiries);
}

// ---- a process's

ProcessTimers::IntervalTimer::IntervalTimer(process::Process& p, TimeSource::Kind kind, int signal)
    : SignalTimer({.kind = kind, .process = &p},
                  [](SignalTimer& t, std::uint64_t) {
                      auto& self = static_cast<IntervalTimer&>(t);
                      process::post_signal(*self.process, self.signo);
                  }),
      process(&p), signo(signal) {}

ProcessTimers::ProcessTimers(process::Process& process)
    : process_(process), real_(process, TimeSource::Kind::monotonic, process::sigalrm),
      virtual_(process, TimeSource::Kind::process_cpu, process::sigvtalrm),
      profiling_(process, TimeSource::Kind::process_cpu, process::sigprof) {}

ProcessTimers::~ProcessTimers() {
    while (PosixTimer* t = timers_.front()) remove(*t);
}

void ProcessTimers::on_exec() {
    sched::MutexGuard guard(lock);
    while (PosixTimer* t = timers_.front()) remove(*t);
}

Result<ProcessTimers*> ProcessTimers::of_current() {
    process::Process& self = process::current_process();
    if (!self.timers) {
        auto made = TRY(make_own<ProcessTimers>(self));
        // Making it may have slept, and another thread made one meanwhile.
        if (!self.timers) self.timers = OwnPtr<process::ProcessExtension>(made.leak());
    }
    return static_cast<ProcessTimers*>(self.timers.get());
}

SignalTimer& ProcessTimers::interval_timer(int which) {
    return which == 0 ? real_ : which == 1 ? virtual_ : profiling_;
}

PosixTimer* ProcessTimers::find(int id) {
    for (PosixTimer& t : timers_)
        if (t.id == id) return &t;
    return nullptr;
}

int ProcessTimers::free_id() {
    int id = 0;
    while (find(id)) ++id;
    return id;
}

void ProcessTimers::remove(PosixTimer& timer) {
    timers_.remove(timer);
    timer.set({0}, {0});
    process::withdraw_signal(process_, timer.node);
    delete &timer;
}

} // namespace drupe::syscall
