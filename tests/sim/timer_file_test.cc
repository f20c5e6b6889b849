// SPDX-License-Identifier: BSD-2-Clause
// timerfd and signalfd, beside the build machine's own.
#include "both_sides.h"

#include <drupe/time/clock.h>
#include <drupe/vfs/epoll.h>

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/types.h>

using namespace drupe;
using sim::check_both;
using sim::Side;

namespace {

itimerspec spec(long first_ns, long interval_ns = 0) {
    return {{interval_ns / 1'000'000'000, interval_ns % 1'000'000'000},
            {first_ns / 1'000'000'000, first_ns % 1'000'000'000}};
}

int timer(Side& s, int clock, int flags = 0) {
    return static_cast<int>(DRUPE_CALL(s, timerfd_create, clock, flags));
}

short ready(Side& s, int fd, short events = POLLIN | POLLOUT) {
    pollfd p{fd, events, 0};
    timespec none{};
    DRUPE_CALL(s, ppoll, &p, 1, &none, nullptr, 8);
    return p.revents;
}

int signals(Side& s, std::initializer_list<int> which, int fd = -1, int flags = SFD_NONBLOCK) {
    std::uint64_t set = 0;
    for (int signo : which) set |= std::uint64_t{1} << (signo - 1);
    return static_cast<int>(DRUPE_CALL(s, signalfd4, fd, &set, 8, flags));
}

constexpr long ms = 1'000'000;

} // namespace

TEST_CASE("timerfd refuses what Linux refuses") {
    check_both([](Side& s) {
        for (int clock = -1; clock < 13; clock++) {
            const int fd = timer(s, clock);
            s.note("clock " + std::to_string(clock), fd < 0 ? fd : 0);
            if (fd >= 0) DRUPE_CALL(s, close, fd);
        }
        DRUPE_NOTE(s, timerfd_create, CLOCK_MONOTONIC, 1);
        const int fd = timer(s, CLOCK_MONOTONIC, TFD_NONBLOCK);
        const int other = static_cast<int>(DRUPE_CALL(s, eventfd2, 0, 0));
        itimerspec t = spec(1), old{};
        DRUPE_NOTE(s, timerfd_settime, fd, 4, &t, nullptr);
        DRUPE_NOTE(s, timerfd_settime, other, 0, &t, nullptr);
        DRUPE_NOTE(s, timerfd_settime, -1, 0, &t, nullptr);
        DRUPE_NOTE(s, timerfd_gettime, other, &old);
        DRUPE_NOTE(s, timerfd_gettime, 999, &old);
        DRUPE_NOTE(s, timerfd_settime, fd, 0, nullptr, nullptr);
        for (const itimerspec bad : {itimerspec{{0, -1}, {0, 0}}, itimerspec{{0, 0}, {-1, 0}},
                                     itimerspec{{0, 0}, {0, 1'000'000'000}}}) {
            itimerspec wanted = bad;
            DRUPE_NOTE(s, timerfd_settime, fd, 0, &wanted, nullptr);
        }
        char bytes[16] = {};
        DRUPE_NOTE(s, read, fd, bytes, 7);
        DRUPE_NOTE(s, read, fd, bytes, 8);
        DRUPE_NOTE(s, write, fd, bytes, 8);
        for (int file : {fd, other, signals(s, {SIGUSR1})}) DRUPE_NOTE(s, lseek, file, 5, 0);
    });
}

TEST_CASE("a timer file counts what passed since it was read") {
    check_both([](Side& s) {
        for (int clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
            const int fd = timer(s, clock, TFD_NONBLOCK);
            itimerspec t = spec(30 * ms), old{};
            std::uint64_t count = 0;
            DRUPE_NOTE(s, timerfd_settime, fd, 0, &t, nullptr);
            s.note("ready", ready(s, fd));
            DRUPE_NOTE(s, read, fd, &count, 8);
            DRUPE_NOTE(s, timerfd_gettime, fd, &old);
            s.note("runs", old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 30 * ms);
            s.sleep(60);
            s.note("ready", ready(s, fd));
            DRUPE_NOTE(s, timerfd_gettime, fd, &old);
            s.note("left", old.it_value.tv_nsec);
            DRUPE_NOTE(s, read, fd, &count, 8);
            s.note("count", static_cast<std::int64_t>(count));
            DRUPE_NOTE(s, read, fd, &count, 8);
            // Periodic: what is due at a second's distance is certain.
            t = spec(1, 10'000 * ms);
            DRUPE_NOTE(s, timerfd_settime, fd, 0, &t, &old);
            s.sleep(10);
            DRUPE_NOTE(s, timerfd_gettime, fd, &old);
            s.note("interval", old.it_interval.tv_sec);
            s.note("left", old.it_value.tv_sec);
            DRUPE_NOTE(s, read, fd, &count, 8);
            s.note("count", static_cast<std::int64_t>(count));
            // An absolute time long ago, with intervals that passed since.
            t = spec(1, 0);
            DRUPE_NOTE(s, timerfd_settime, fd, TFD_TIMER_ABSTIME, &t, &old);
            s.note("interval before", old.it_interval.tv_sec);
            s.sleep(10);
            DRUPE_NOTE(s, read, fd, &count, 8);
            s.note("count", static_cast<std::int64_t>(count));
            t = spec(0);
            DRUPE_NOTE(s, timerfd_settime, fd, 0, &t, &old);
            s.note("ready", ready(s, fd));
            DRUPE_CALL(s, close, fd);
        }
    });
}

TEST_CASE("the count of a timer file can be set as on Linux") {
    check_both([](Side& s) {
        constexpr unsigned set_ticks = 0x40085400; // TFD_IOC_SET_TICKS
        const int fd = timer(s, CLOCK_MONOTONIC, TFD_NONBLOCK);
        std::uint64_t ticks = 0;
        DRUPE_NOTE(s, ioctl, fd, set_ticks, &ticks);
        DRUPE_NOTE(s, ioctl, fd, set_ticks + 1, &ticks);
        ticks = 7;
        DRUPE_NOTE(s, ioctl, fd, set_ticks, &ticks);
        s.note("ready", ready(s, fd));
        ticks = 0;
        DRUPE_NOTE(s, read, fd, &ticks, 8);
        s.note("ticks", static_cast<std::int64_t>(ticks));
        DRUPE_NOTE(s, read, fd, &ticks, 8);
        itimerspec t = spec(1);
        DRUPE_NOTE(s, timerfd_settime, fd, 0, &t, nullptr);
        s.sleep(5);
        ticks = 3;
        DRUPE_NOTE(s, ioctl, fd, set_ticks, &ticks); // instead of the one that came
        DRUPE_NOTE(s, read, fd, &ticks, 8);
        s.note("ticks", static_cast<std::int64_t>(ticks));
        DRUPE_CALL(s, close, fd);
    });
}

TEST_CASE("a reader of a timer file waits for the expiry") {
    check_both([](Side& s) {
        const int fd = timer(s, CLOCK_MONOTONIC);
        itimerspec t = spec(20 * ms);
        std::uint64_t count = 0;
        DRUPE_NOTE(s, timerfd_settime, fd, 0, &t, nullptr);
        DRUPE_NOTE(s, read, fd, &count, 8);
        s.note("count", static_cast<std::int64_t>(count));
        t = spec(20 * ms);
        DRUPE_NOTE(s, timerfd_settime, fd, 0, &t, nullptr);
        pollfd p{fd, POLLIN, 0};
        DRUPE_NOTE(s, ppoll, &p, 1, nullptr, nullptr, 8);
        // Armed by another thread while this one waits.
        DRUPE_NOTE(s, read, fd, &count, 8);
        s.start([fd](Side& other) {
            other.sleep(20);
            itimerspec soon = spec(1);
            DRUPE_CALL(other, timerfd_settime, fd, 0, &soon, nullptr);
        });
        DRUPE_NOTE(s, read, fd, &count, 8);
        s.join();
    });
}

TEST_CASE("setting the wall clock cancels timer files that ask for it and moves the others") {
    // The build machine's clock is not ours to set: timerfd_create(2) is the authority here.
    sim::run_here([](Side& s) {
        const auto set_clock = [&](long seconds) {
            timespec t{seconds, 0};
            REQUIRE(DRUPE_CALL(s, clock_settime, CLOCK_REALTIME, &t) == 0);
        };
        set_clock(1000);
        const int cancels = timer(s, CLOCK_REALTIME, TFD_NONBLOCK);
        const int follows = timer(s, CLOCK_REALTIME, TFD_NONBLOCK);
        const int relative = timer(s, CLOCK_REALTIME, TFD_NONBLOCK);
        const int other = timer(s, CLOCK_MONOTONIC, TFD_NONBLOCK);
        itimerspec t{{0, 0}, {2000, 0}};
        std::uint64_t count = 0;
        const int both = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
        REQUIRE(DRUPE_CALL(s, timerfd_settime, cancels, both, &t, nullptr) == 0);
        REQUIRE(DRUPE_CALL(s, timerfd_settime, follows, TFD_TIMER_ABSTIME, &t, nullptr) == 0);
        REQUIRE(DRUPE_CALL(s, timerfd_settime, relative, 0, &t, nullptr) == 0);
        REQUIRE(DRUPE_CALL(s, timerfd_settime, other, both, &t, nullptr) == 0);
        set_clock(1990);
        CHECK(ready(s, cancels) == POLLIN);
        CHECK(DRUPE_CALL(s, read, cancels, &count, 8) == -ECANCELED);
        CHECK(DRUPE_CALL(s, read, cancels, &count, 8) == -EAGAIN);
        for (int fd : {follows, relative, other}) CHECK(ready(s, fd) == 0);
        const timespec eleven{11, 0};
        DRUPE_CALL(s, nanosleep, &eleven, nullptr);
        for (int fd : {cancels, follows}) {
            CHECK(DRUPE_CALL(s, read, fd, &count, 8) == 8);
            CHECK(count == 1);
        }
        for (int fd : {relative, other}) CHECK(DRUPE_CALL(s, read, fd, &count, 8) == -EAGAIN);
        // Set beyond it; a setting between a cancellation and its reading tells of it.
        t = {{10, 0}, {3000, 0}};
        REQUIRE(DRUPE_CALL(s, timerfd_settime, follows, TFD_TIMER_ABSTIME, &t, nullptr) == 0);
        REQUIRE(DRUPE_CALL(s, timerfd_settime, cancels, both, &t, nullptr) == 0);
        set_clock(3045);
        s.sleep(1);
        CHECK(DRUPE_CALL(s, read, follows, &count, 8) == 8);
        CHECK(count == 5); // at 3000, 3010, … 3040
        CHECK(DRUPE_CALL(s, timerfd_settime, cancels, both, &t, nullptr) == -ECANCELED);
        // Back before the expiries that were read.
        set_clock(1000);
        s.sleep(1);
        CHECK(DRUPE_CALL(s, read, follows, &count, 8) == -EAGAIN);
    });
}

namespace {

void block(Side& s, std::initializer_list<int> which) {
    std::uint64_t set = 0;
    for (int signo : which) set |= std::uint64_t{1} << (signo - 1);
    DRUPE_CALL(s, rt_sigprocmask, SIG_BLOCK, &set, nullptr, 8);
}

int own_pid(Side& s) { return static_cast<int>(DRUPE_CALL(s, getpid)); }

void note_signals(Side& s, int fd, std::size_t most = 8) {
    signalfd_siginfo got[8];
    std::memset(got, 0x55, sizeof got);
    const std::int64_t n = DRUPE_CALL(s, read, fd, got, most * sizeof got[0]);
    s.note("signals", n);
    for (std::int64_t i = 0; i < n / 128; i++) {
        const signalfd_siginfo& g = got[i];
        std::string text = std::to_string(g.ssi_signo);
        for (std::int64_t field :
             {std::int64_t{g.ssi_code}, std::int64_t{g.ssi_errno},
              std::int64_t{g.ssi_pid == static_cast<std::uint32_t>(own_pid(s))},
              std::int64_t{g.ssi_uid}, std::int64_t{g.ssi_fd}, std::int64_t{g.ssi_overrun},
              std::int64_t{g.ssi_int}, static_cast<std::int64_t>(g.ssi_ptr),
              std::int64_t{g.ssi_status}, static_cast<std::int64_t>(g.ssi_addr)})
            text += " " + std::to_string(field);
        s.note("signal", text);
    }
}

} // namespace

TEST_CASE("signals are read from a signal file as on Linux") {
    check_both([](Side& s) {
        block(s, {SIGUSR1, SIGUSR2, SIGALRM, SIGRTMIN + 3, SIGTERM});
        const int fd = signals(s, {SIGUSR1, SIGRTMIN + 3, SIGKILL, SIGALRM});
        const int pid = own_pid(s);
        note_signals(s, fd);
        DRUPE_NOTE(s, kill, pid, SIGUSR1);
        DRUPE_NOTE(s, kill, pid, SIGUSR1);
        DRUPE_NOTE(s, kill, pid, SIGUSR2); // not for this file
        s.note("ready", ready(s, fd));
        siginfo_t info{};
        info.si_code = SI_QUEUE;
        info.si_pid = pid;
        for (int value = 0; value < 3; value++) {
            info.si_value.sival_int = value;
            DRUPE_NOTE(s, rt_sigqueueinfo, pid, SIGRTMIN + 3, &info);
        }
        note_signals(s, fd, 2);
        note_signals(s, fd);
        note_signals(s, fd);
        s.note("ready", ready(s, fd));
        // Other signals from now on.
        s.note("changed", signals(s, {SIGUSR2}, fd, 0) == fd);
        note_signals(s, fd);
        // A timer's, with its overrun.
        sigevent event{};
        event.sigev_signo = SIGALRM;
        event.sigev_value.sival_int = 77;
        int id = 0;
        signals(s, {SIGALRM}, fd, 0);
        DRUPE_NOTE(s, timer_create, CLOCK_MONOTONIC, &event, &id);
        itimerspec t = spec(1 * ms);
        DRUPE_NOTE(s, timer_settime, id, 0, &t, nullptr);
        s.sleep(10);
        note_signals(s, fd);
        DRUPE_CALL(s, timer_delete, id);
        char small[127];
        DRUPE_NOTE(s, read, fd, small, 127);
        DRUPE_NOTE(s, write, fd, small, 127);
        const int event_file = static_cast<int>(DRUPE_CALL(s, eventfd2, 0, 0));
        s.note("not a signal file", signals(s, {SIGUSR1}, event_file));
        s.note("no file", signals(s, {SIGUSR1}, 999));
        std::uint64_t set = 0;
        DRUPE_NOTE(s, signalfd4, -1, &set, 4, 0);
        DRUPE_NOTE(s, signalfd4, -1, &set, 8, 1);
        DRUPE_NOTE(s, signalfd4, -1, nullptr, 8, 0);
    });
}

TEST_CASE("a reader of a signal file waits for the signal") {
    check_both([](Side& s) {
        block(s, {SIGUSR1});
        const int fd = signals(s, {SIGUSR1}, -1, 0);
        const int pid = own_pid(s);
        const auto later = [pid](Side& other) {
            block(other, {SIGUSR1});
            other.sleep(20);
            DRUPE_CALL(other, kill, pid, SIGUSR1);
        };
        s.start(later);
        note_signals(s, fd);
        s.start(later);
        pollfd p{fd, POLLIN, 0};
        DRUPE_NOTE(s, ppoll, &p, 1, nullptr, nullptr, 8);
        note_signals(s, fd);
        s.join();
    });
}

TEST_CASE("an epoll tells of signals, also after its file outlived a process that watched it") {
    sim::run_here([](Side& s) {
        block(s, {SIGUSR1});
        const int fd = signals(s, {SIGUSR1});
        vfs::EpollEvent want{POLLIN, 0, 7}, got[1];
        REQUIRE(sim::clone(s.program(), sim::fork_flags, [&](sim::Program& q) {
                    Side child(&q, s.log);
                    const int epoll = static_cast<int>(DRUPE_CALL(child, epoll_create1, 0));
                    REQUIRE(DRUPE_CALL(child, epoll_ctl, epoll, 1, fd, &want) == 0);
                }) > 0);
        const int epoll = static_cast<int>(DRUPE_CALL(s, epoll_create1, 0));
        REQUIRE(DRUPE_CALL(s, epoll_ctl, epoll, 1, fd, &want) == 0);
        REQUIRE(DRUPE_CALL(s, wait4, -1, nullptr, 0, nullptr) > 0);
        CHECK(DRUPE_CALL(s, epoll_pwait, epoll, got, 1, 0, nullptr, 8) == 0);
        DRUPE_CALL(s, kill, own_pid(s), SIGUSR1);
        CHECK(DRUPE_CALL(s, epoll_pwait, epoll, got, 1, 0, nullptr, 8) == 1);
        note_signals(s, fd);
        CHECK(DRUPE_CALL(s, epoll_pwait, epoll, got, 1, 0, nullptr, 8) == 0);
    });
}
