// SPDX-License-Identifier: BSD-2-Clause
// Clocks and sleeps. Timers that signal are in timer_calls.cc.
#include "process_timers.h"
#include "user_time.h"

#include <drupe/process/process.h>
#include <drupe/process/return_to_user.h>
#include <drupe/process/task_table.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/syscall/handlers.h>
#include <drupe/time/clock.h>
#include <drupe/vfs/timer_file.h>

namespace drupe::syscall {
namespace {

using process::Pid;

/// A negative clockid_t: ~(id >> 3) is a process or, with bit 2, a thread (0: the caller's); bits
/// [1:0] tell user, user and system, or scheduler time, which are one here. [linux]
/// include/linux/posix-timers.h.
struct CpuClock {
    Pid id;
    bool is_thread;
    static Result<CpuClock> decode(int clock) {
        if (clock >= 0 || (clock & 3) == 3) return Errc::invalid; // 3: a device's clock
        return CpuClock{~(clock >> 3), (clock & 4) != 0};
    }
    Result<Nanos> read() const {
        if (is_thread) return read_thread();
        if (id == 0) return process::current_process().cpu_time();
        auto target = process::find_process(id);
        if (!target) return Errc::invalid;
        return target->cpu_time();
    }

private:
    Result<Nanos> read_thread() const {
        if (id == 0) return sched::current().cpu_time();
        Nanos used{0};
        const auto found = process::with_thread(id, [&](process::UserThread& t) -> Result<void> {
            // Only one's own process's threads have a clock for others.
            if (t.process != &process::current_process()) return Errc::invalid;
            used = t.thread->cpu_time();
            return {};
        });
        if (!found.ok()) return Errc::invalid;
        return used;
    }
};

Result<Nanos> read_clock(int clock) {
    switch (clock) {
    case clock_process_cputime: return process::current_process().cpu_time();
    case clock_thread_cputime: return sched::current().cpu_time();
    default: break;
    }
    if (clock < 0) return TRY(CpuClock::decode(clock)).read();
    return time::now() + TRY(offset_to_monotonic(clock));
}

} // namespace

bool is_wall_clock(int clock) {
    return clock == clock_realtime || clock == clock_realtime_coarse ||
           clock == clock_realtime_alarm || clock == clock_tai; // nobody told us of leap seconds
}

Result<Nanos> offset_to_monotonic(int clock) {
    if (is_wall_clock(clock)) return time::wall_offset();
    switch (clock) {
    case clock_monotonic:
    case clock_monotonic_raw:
    case clock_monotonic_coarse:
    case clock_boottime: // the machine never sleeps
    case clock_boottime_alarm: return Nanos{0};
    default: return Errc::invalid;
    }
}

Result<sched::Deadline> deadline_on(int clock, Nanos at) {
    TRY(offset_to_monotonic(clock));
    return is_wall_clock(clock) ? sched::Deadline::on_wall(at) : sched::Deadline(at);
}

namespace {

void set_wall(Nanos wall) {
    sched::set_wall_clock(wall);
    SignalTimer::wall_clock_was_set();
    vfs::TimerFile::wall_clock_was_set();
}

} // namespace

Result<std::uint64_t> clock_gettime(int clock, VirtAddr at) {
    TRY(arch::put_user(at, to_timespec(TRY(read_clock(clock)))));
    return 0;
}

Result<std::uint64_t> clock_getres(int clock, VirtAddr at) {
    TRY(read_clock(clock));
    if (raw(at) != 0) TRY(arch::put_user(at, UserTimespec{0, 1}));
    return 0;
}

Result<std::uint64_t> clock_settime(int clock, VirtAddr at) {
    if (clock != clock_realtime) {
        TRY(read_clock(clock));
        return Errc::invalid; // the others cannot be set
    }
    const Nanos wall = TRY(read_timespec(at));
    if (!process::current_process().credentials.is_privileged()) return Errc::not_permitted;
    set_wall(wall);
    return 0;
}

Result<std::uint64_t> gettimeofday(VirtAddr at, VirtAddr zone) {
    struct Timezone {
        std::int32_t minutes_west, daylight_saving;
    };
    if (raw(at) != 0) TRY(arch::put_user(at, to_timeval(time::wall())));
    if (raw(zone) != 0) TRY(arch::put_user(zone, Timezone{}));
    return 0;
}

Result<std::uint64_t> settimeofday(VirtAddr at, VirtAddr) {
    if (raw(at) == 0) return 0; // the time zone is nobody's business here
    const Nanos wall = TRY(to_nanos(TRY(arch::get_user<UserTimeval>(at))));
    if (!process::current_process().credentials.is_privileged()) return Errc::not_permitted;
    set_wall(wall);
    return 0;
}

// ---- sleeping

namespace {

constexpr int timer_abstime = 1;

/// A relative sleep until `deadline`; interrupted, it tells what is left and can be resumed.
Result<std::uint64_t> sleep_rest(Nanos deadline, VirtAddr rest);

Result<std::uint64_t> resume_sleep(process::RestartBlock& block) {
    return sleep_rest(Nanos{static_cast<std::int64_t>(block.args[0])}, VirtAddr{block.args[1]});
}

Result<std::uint64_t> sleep_rest(Nanos deadline, VirtAddr rest) {
    if (sched::sleep_until(deadline).error() == Errc::timed_out) return 0;
    if (raw(rest) != 0) {
        const Nanos left = deadline - time::now();
        TRY(arch::put_user(rest, to_timespec(left.ns > 0 ? left : Nanos{0})));
    }
    return process::restart_later(
        {.resume = &resume_sleep, .args = {static_cast<std::uint64_t>(deadline.ns), raw(rest)}});
}

} // namespace

Result<std::uint64_t> nanosleep(VirtAddr request, VirtAddr rest) {
    return sleep_rest(add_saturated(time::now(), TRY(read_timespec(request))), rest);
}

Result<std::uint64_t> clock_nanosleep(int clock, int flags, VirtAddr request, VirtAddr rest) {
    switch (clock) {
    case clock_realtime:
    case clock_monotonic:
    case clock_boottime:
    case clock_tai: break;
    default: TRY(read_clock(clock)); return Errc::not_supported;
    }
    const Nanos wanted = TRY(read_timespec(request));
    if ((flags & timer_abstime) == 0) return sleep_rest(add_saturated(time::now(), wanted), rest);
    const sched::Deadline deadline = TRY(deadline_on(clock, wanted));
    if (sched::sleep_until(deadline).error() == Errc::timed_out) return 0;
    return Errc::restart_no_handler;
}

} // namespace drupe::syscall
