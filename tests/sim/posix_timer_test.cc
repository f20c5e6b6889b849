// SPDX-License-Identifier: BSD-2-Clause
// Signals of timer_create's timers, and what they missed, beside the build machine's own.
#include "both_sides.h"

#include <csignal>
#include <cstring>
#include <ctime>
#include <sys/signalfd.h>

using sim::check_both;
using sim::Side;

namespace {

std::uint64_t set_of(int signo) { return std::uint64_t{1} << (signo - 1); }

int create(Side& s, int signo) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = signo;
    event.sigev_value.sival_int = 17;
    int id = -1;
    s.note("create", DRUPE_CALL(s, timer_create, CLOCK_MONOTONIC, &event, &id));
    return id;
}

/// First `tenths` of a second ago, then once a second: half a second from any expiry at first.
void start_in_the_past(Side& s, int id, long tenths) {
    timespec now{};
    while (DRUPE_CALL(s, clock_gettime, CLOCK_MONOTONIC, &now) == 0 && now.tv_sec < 8) s.sleep(999);
    const long first = now.tv_sec * 10 + now.tv_nsec / 100'000'000 - tenths;
    itimerspec spec{{1, 0}, {first / 10, first % 10 * 100'000'000}};
    s.note("settime", DRUPE_CALL(s, timer_settime, id, TIMER_ABSTIME, &spec, nullptr));
}

void note_overrun(Side& s, int id) { s.note("overrun", DRUPE_CALL(s, timer_getoverrun, id)); }

void take(Side& s, int signo) {
    const std::uint64_t set = set_of(signo);
    siginfo_t info{};
    timespec none{};
    s.note("take", DRUPE_CALL(s, rt_sigtimedwait, &set, &info, &none, 8));
    s.note("code", info.si_code);
    if (info.si_code == SI_TIMER) s.note("missed", info.si_overrun);
}

} // namespace

TEST_CASE("a timer's signal says what was missed until it is delivered") {
    check_both([](Side& s) {
        const int signo = SIGRTMIN + 5;
        const std::uint64_t set = set_of(signo);
        DRUPE_CALL(s, rt_sigprocmask, SIG_BLOCK, &set, nullptr, 8);
        const int id = create(s, signo);
        note_overrun(s, id);
        start_in_the_past(s, id, 55);
        s.sleep(1);
        note_overrun(s, id); // of none that was delivered
        take(s, signo);
        note_overrun(s, id);
        s.sleep(999);
        take(s, signo);
        note_overrun(s, id);
        start_in_the_past(s, id, 25);
        note_overrun(s, id);
        s.sleep(1);
        const int file = static_cast<int>(DRUPE_CALL(s, signalfd4, -1, &set, 8, SFD_NONBLOCK));
        signalfd_siginfo record{};
        DRUPE_NOTE(s, read, file, &record, sizeof record);
        s.note("missed", record.ssi_overrun);
        s.note("value", record.ssi_int);
        note_overrun(s, id);
        DRUPE_NOTE(s, timer_delete, id);
    });
}

TEST_CASE("a timer's signal is queued beside another of its number") {
    check_both([](Side& s) {
        const std::uint64_t set = set_of(SIGUSR2);
        DRUPE_CALL(s, rt_sigprocmask, SIG_BLOCK, &set, nullptr, 8);
        DRUPE_CALL(s, kill, static_cast<int>(DRUPE_CALL(s, getpid)), SIGUSR2);
        const int first = create(s, SIGUSR2), second = create(s, SIGUSR2);
        start_in_the_past(s, first, 35);
        start_in_the_past(s, second, 25);
        s.sleep(1);
        for (int i = 0; i < 4; i++) take(s, SIGUSR2);
        for (int id : {first, second}) note_overrun(s, id);
        for (int id : {first, second}) DRUPE_NOTE(s, timer_delete, id);
    });
}
