// SPDX-License-Identifier: BSD-2-Clause
// setitimer(2), timer_create(2) and their relatives: from the program's words to process_timers.h.
#include "process_timers.h"

#include <drupe/process/task_table.h>
#include <drupe/syscall/handlers.h>
#include <drupe/time/clock.h>

#include <algorithm>

namespace drupe::syscall {

using process::Pid;

// ---- interval timers

namespace {

Result<SignalTimer*> find_interval_timer(ProcessTimers& timers, int which) {
    if (which < 0 || which >= ProcessTimers::interval_timers) return Errc::invalid;
    return &timers.interval_timer(which);
}

/// What is left of a running timer never reads as zero, which means disarmed.
UserItimerval to_user(const TimerSetting& setting) {
    const Nanos left{setting.left.ns == 0 ? 0 : std::max<std::int64_t>(setting.left.ns, 1000)};
    return {to_timeval(setting.interval), to_timeval(left)};
}

} // namespace

Result<std::uint64_t> getitimer(int which, VirtAddr at) {
    ProcessTimers* timers = TRY(ProcessTimers::of_current());
    SignalTimer* timer = TRY(find_interval_timer(*timers, which));
    TRY(arch::put_user(at, to_user(timer->setting())));
    return 0;
}

Result<std::uint64_t> setitimer(int which, VirtAddr wanted, VirtAddr before) {
    ProcessTimers* timers = TRY(ProcessTimers::of_current());
    SignalTimer* timer = TRY(find_interval_timer(*timers, which));
    UserItimerval user{};
    if (raw(wanted) != 0) user = TRY(arch::get_user<UserItimerval>(wanted));
    const Nanos first = TRY(to_nanos(user.value));
    const Nanos interval = TRY(to_nanos(user.interval));
    TimerSetting old{};
    {
        sched::MutexGuard guard(timers->lock);
        old = timer->setting();
        timer->set(first.ns == 0 ? Nanos{0} : add_saturated(timer->source().now(), first),
                   interval);
    }
    if (raw(before) != 0) TRY(arch::put_user(before, to_user(old)));
    return 0;
}

// ---- POSIX timers

namespace {

constexpr int timer_abstime = 1;

/// struct sigevent as the kernel's interface has it, [linux] include/uapi/asm-generic/siginfo.h.
struct UserSigevent {
    std::uint64_t value;
    std::int32_t signo;
    std::int32_t notify;
    std::int32_t tid;
    std::int32_t padding[11];
};
static_assert(sizeof(UserSigevent) == 64);
enum Notify : int { sigev_signal = 0, sigev_none = 1, sigev_thread = 2, sigev_thread_id = 4 };

bool fire_posix(SignalTimer& timer) {
    auto& self = static_cast<PosixTimer&>(timer);
    if (self.is_silent) return false;
    if (self.target_tid != 0)
        return process::post_signal(*self.process, self.target_tid, self.node, self.mark);
    return process::post_signal(*self.process, self.node, self.mark);
}

Result<TimeSource> source_of(int clock) {
    process::Process& self = process::current_process();
    switch (clock) {
    case clock_process_cputime:
        return TimeSource{.kind = TimeSource::Kind::process_cpu, .process = &self};
    case clock_thread_cputime:
        return TimeSource{.kind = TimeSource::Kind::thread_cpu,
                          .process = &self,
                          .thread = RefPtr<sched::Thread>(&sched::current())};
    case clock_realtime:
    case clock_monotonic:
    case clock_boottime:
    case clock_tai: return TimeSource{.process = &self};
    default: return Errc::invalid;
    }
}

bool is_own_thread(Pid tid) {
    return process::with_thread(tid,
                                [](process::UserThread& t) -> Result<void> {
                                    if (t.process != &process::current_process())
                                        return Errc::invalid;
                                    return {};
                                })
        .ok();
}

Result<void> check_event(const UserSigevent& event) {
    switch (event.notify) {
    case sigev_none: return {};
    case sigev_signal:
    case sigev_thread:
    case sigev_thread_id: break;
    default: return Errc::invalid;
    }
    if (!process::is_signal(event.signo)) return Errc::invalid;
    if (event.notify == sigev_thread_id && !is_own_thread(event.tid)) return Errc::invalid;
    return {};
}

/// would_block: the user has too many signals queued, of which a timer has one. no_memory.
Result<OwnPtr<PosixTimer>> create_charged(int clock, TimeSource source) {
    const process::Process& self = process::current_process();
    const std::uint32_t uid = self.credentials.uid;
    if (!process::use_more(uid, process::PerUser::pending_signals, 1,
                           self.limit(process::Resource::pending_signals).soft))
        return Errc::would_block;
    auto timer = make_own<PosixTimer>(clock, std::move(source), &fire_posix, uid);
    if (!timer.ok()) process::use_less(uid, process::PerUser::pending_signals, 1);
    return timer;
}

UserItimerspec to_user_spec(const TimerSetting& setting) {
    return {to_timespec(setting.interval), to_timespec(setting.left)};
}

} // namespace

Result<std::uint64_t> timer_create(int clock, VirtAddr event_at, VirtAddr id_at) {
    TimeSource source = TRY(source_of(clock));
    UserSigevent event{
        .value = 0, .signo = process::sigalrm, .notify = sigev_signal, .tid = 0, .padding = {}};
    if (raw(event_at) != 0) event = TRY(arch::get_user<UserSigevent>(event_at));
    TRY(check_event(event));
    ProcessTimers* timers = TRY(ProcessTimers::of_current());
    sched::MutexGuard guard(timers->lock);
    auto timer = TRY(create_charged(clock, std::move(source)));
    timer->process = &process::current_process();
    timer->is_silent = event.notify == sigev_none;
    timer->target_tid = event.notify == sigev_thread_id ? event.tid : 0;
    TRY(timers->add(*timer));
    PosixTimer& added = *timer.leak();
    const int id = added.id;
    const std::uint64_t value = raw(event_at) != 0 ? event.value : static_cast<std::uint64_t>(id);
    added.node.info = process::SigInfo::from_timer(event.signo, id, value);
    const Errc told = arch::put_user(id_at, std::int32_t{id}).error();
    if (told == Errc::ok) return 0;
    timers->remove(added);
    return told;
}

Result<std::uint64_t> timer_settime(int id, int flags, VirtAddr wanted, VirtAddr before) {
    if (raw(wanted) == 0) return Errc::invalid; // not a fault: there has to be a setting
    const auto user = TRY(arch::get_user<UserItimerspec>(wanted));
    const Nanos value = TRY(to_nanos(user.value));
    const Nanos interval = TRY(to_nanos(user.interval));
    ProcessTimers* timers = TRY(ProcessTimers::of_current());
    TimerSetting old{};
    {
        sched::MutexGuard guard(timers->lock);
        PosixTimer* timer = timers->find(id);
        if (!timer) return Errc::invalid;
        old = timer->setting();
        const bool is_absolute = (flags & timer_abstime) != 0;
        timer->set({0}, {0});
        timers->renew_mark(*timer);
        // A time from now is the same on every clock; setting the wall clock does not change it.
        if (!timer->source().is_cpu())
            timer->follow_wall_clock(is_absolute && is_wall_clock(timer->clock));
        Nanos first = value;
        if (value.ns != 0 && !is_absolute) first = add_saturated(timer->source().now(), value);
        // 0 would disarm; times before that are as good as any other in the past.
        if (value.ns != 0 && first.ns == 0) first.ns = -1;
        timer->set(first, interval);
    }
    if (raw(before) != 0) TRY(arch::put_user(before, to_user_spec(old)));
    return 0;
}

Result<std::uint64_t> timer_gettime(int id, VirtAddr at) {
    ProcessTimers* timers = TRY(ProcessTimers::of_current());
    TimerSetting setting{};
    {
        sched::MutexGuard guard(timers->lock);
        PosixTimer* timer = timers->find(id);
        if (!timer) return Errc::invalid;
        setting = timer->setting();
    }
    TRY(arch::put_user(at, to_user_spec(setting)));
    return 0;
}

Result<std::uint64_t> timer_getoverrun(int id) {
    ProcessTimers* timers = TRY(ProcessTimers::of_current());
    sched::MutexGuard guard(timers->lock);
    PosixTimer* timer = timers->find(id);
    if (!timer) return Errc::invalid;
    return static_cast<std::uint64_t>(timer->overrun());
}

Result<std::uint64_t> timer_delete(int id) {
    ProcessTimers* timers = TRY(ProcessTimers::of_current());
    sched::MutexGuard guard(timers->lock);
    PosixTimer* timer = timers->find(id);
    if (!timer) return Errc::invalid;
    timers->remove(*timer);
    return 0;
}

} // namespace drupe::syscall
