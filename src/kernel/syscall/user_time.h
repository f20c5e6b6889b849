// SPDX-License-Identifier: BSD-2-Clause
// Times as programs pass them, and the kernel's Nanos. [linux] include/uapi/linux/time_types.h,
// include/uapi/linux/time.h. A time beyond what Nanos holds (292 years) counts as its end.
#pragma once

#include <drupe/arch/user_access.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/sched/wall_clock.h>

#include <cstdint>

namespace drupe::syscall {

struct UserTimespec {
    std::int64_t seconds;
    std::int64_t nanoseconds;
};
struct UserTimeval {
    std::int64_t seconds;
    std::int64_t microseconds;
};
struct UserItimerspec {
    UserTimespec interval, value;
};
struct UserItimerval {
    UserTimeval interval, value;
};

inline constexpr std::int64_t nanos_per_second = 1'000'000'000;
inline constexpr std::int64_t most_seconds = INT64_MAX / nanos_per_second - 1;

/// invalid: negative, or a fraction that is not one.
constexpr Result<Nanos> to_nanos(UserTimespec t) {
    if (t.seconds < 0 || t.nanoseconds < 0 || t.nanoseconds >= nanos_per_second)
        return Errc::invalid;
    if (t.seconds > most_seconds) return Nanos{INT64_MAX - 1};
    return Nanos{t.seconds * nanos_per_second + t.nanoseconds};
}
constexpr Result<Nanos> to_nanos(UserTimeval t) {
    if (t.microseconds < 0 || t.microseconds >= 1'000'000) return Errc::invalid;
    return to_nanos(UserTimespec{t.seconds, t.microseconds * 1000});
}
constexpr UserTimespec to_timespec(Nanos t) {
    std::int64_t seconds = t.ns / nanos_per_second;
    std::int64_t rest = t.ns % nanos_per_second;
    if (rest < 0) { // before 1970
        --seconds;
        rest += nanos_per_second;
    }
    return {seconds, rest};
}
constexpr UserTimeval to_timeval(Nanos t) {
    const UserTimespec s = to_timespec(t);
    return {s.seconds, s.nanoseconds / 1000};
}

/// a + b without leaving the range; never() stays never().
constexpr Nanos add_saturated(Nanos a, Nanos b) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a.ns, b.ns, &sum)) return b.ns > 0 ? Nanos::never() : Nanos{0};
    return {sum};
}

/// fault, invalid.
inline Result<Nanos> read_timespec(VirtAddr at) {
    return to_nanos(TRY(arch::get_user<UserTimespec>(at)));
}

/// clockid_t, [linux] include/uapi/linux/time.h. Negative ones are CPU clocks of a given process or
/// thread.
enum ClockId : int {
    clock_realtime = 0,
    clock_monotonic = 1,
    clock_process_cputime = 2,
    clock_thread_cputime = 3,
    clock_monotonic_raw = 4,
    clock_realtime_coarse = 5,
    clock_monotonic_coarse = 6,
    clock_boottime = 7,
    clock_realtime_alarm = 8,
    clock_boottime_alarm = 9,
    clock_tai = 11,
};

/// For clocks that count the same seconds as the monotonic one: what to add to it. invalid: no such
/// clock, or one that does not.
Result<Nanos> offset_to_monotonic(int clock);
/// Whether setting the wall clock sets this one.
bool is_wall_clock(int clock);
/// When `clock` shows `at`. invalid, as above.
Result<sched::Deadline> deadline_on(int clock, Nanos at);

} // namespace drupe::syscall
