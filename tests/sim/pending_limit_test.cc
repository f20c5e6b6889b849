// SPDX-License-Identifier: BSD-2-Clause
// RLIMIT_SIGPENDING beside the build machine's own: queued signals and timers of one user.
#include "both_sides.h"

#include <csignal>
#include <ctime>
#include <sys/resource.h>

using namespace drupe;
using sim::check_both;
using sim::Side;

namespace {

std::int64_t queue(Side& s, int signo) {
    siginfo_t info{};
    info.si_signo = signo;
    info.si_code = SI_QUEUE;
    return DRUPE_CALL(s, rt_tgsigqueueinfo, DRUPE_CALL(s, getpid), DRUPE_CALL(s, gettid), signo,
                      &info);
}
std::int64_t take(Side& s) {
    const std::uint64_t all = ~std::uint64_t{0};
    const timespec none{};
    return DRUPE_CALL(s, rt_sigtimedwait, &all, nullptr, &none, 8);
}

} // namespace

TEST_CASE("signals and timers of a user are limited as on Linux") {
    check_both([](Side& s) {
        rlimit before{};
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_SIGPENDING, nullptr, &before);
        static std::vector<std::string> seen;
        seen.clear();
        // On Linux the thread alone becomes somebody else, here all do.
        s.start([](Side& other) {
            const std::uint64_t all = ~std::uint64_t{0};
            DRUPE_CALL(other, rt_sigprocmask, SIG_BLOCK, &all, nullptr, 8);
            DRUPE_NOTE(other, setresuid, 4713, 4713, 4713);
            rlimit few{};
            DRUPE_CALL(other, prlimit64, 0, RLIMIT_SIGPENDING, nullptr, &few);
            few.rlim_cur = 5;
            DRUPE_NOTE(other, prlimit64, 0, RLIMIT_SIGPENDING, &few, nullptr);
            for (int i = 0; i < 7; i++) other.note("queue", queue(other, SIGRTMIN + 3));
            other.note("other", queue(other, SIGRTMIN + 4));
            other.note("standard", queue(other, SIGUSR1)); // is told without its value
            other.note("again", queue(other, SIGUSR1));
            const auto me = DRUPE_CALL(other, gettid);
            other.note("tkill", DRUPE_CALL(other, tkill, me, SIGRTMIN + 5));
            other.note("tkill", DRUPE_CALL(other, tkill, me, SIGUSR2));
            int timer = -1;
            other.note("timer", DRUPE_CALL(other, timer_create, CLOCK_MONOTONIC, nullptr, &timer));
            for (int i = 0; i < 4; i++) other.note("take", take(other));
            int timers[4] = {-1, -1, -1, -1};
            for (int& each : timers)
                other.note("timer",
                           DRUPE_CALL(other, timer_create, CLOCK_MONOTONIC, nullptr, &each));
            other.note("queue", queue(other, SIGRTMIN + 3));
            other.note("delete", DRUPE_CALL(other, timer_delete, timers[0]));
            other.note("queue", queue(other, SIGRTMIN + 3));
            other.note("queue", queue(other, SIGRTMIN + 3));
            for (int i = 0; i < 8; i++) other.note("take", take(other));
            for (int each : timers) DRUPE_CALL(other, timer_delete, each);
            for (int i = 0; i < 6; i++) other.note("queue", queue(other, SIGRTMIN + 3));
            while (take(other) > 0) {}
            seen = other.log;
        });
        s.join();
        for (const std::string& each : seen) s.log.push_back(each);
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_SIGPENDING, &before, nullptr);
    });
}

TEST_CASE("timers get the lowest id that is free, however many there are") {
    // Linux counts on; ids are the kernel's to choose.
    sim::run_here([](Side& s) {
        constexpr int count = 20'000;
        int id = -1;
        for (int i = 0; i < count; i++) {
            REQUIRE(DRUPE_CALL(s, timer_create, CLOCK_MONOTONIC, nullptr, &id) == 0);
            REQUIRE(id == i);
        }
        for (int gone : {777, 3, 19'999, 778}) REQUIRE(DRUPE_CALL(s, timer_delete, gone) == 0);
        for (int expected : {3, 777, 778, 19'999}) {
            REQUIRE(DRUPE_CALL(s, timer_create, CLOCK_MONOTONIC, nullptr, &id) == 0);
            CHECK(id == expected);
        }
        CHECK(DRUPE_CALL(s, timer_delete, 20'000) == -EINVAL);
        CHECK(DRUPE_CALL(s, timer_delete, -1) == -EINVAL);
    });
}
