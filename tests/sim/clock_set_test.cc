// SPDX-License-Identifier: BSD-2-Clause
// Setting the wall clock while programs wait for a time on it. On this clock one second passes for
// each that a program sleeps; a set moves it against the monotonic one, by which the tests count.
#include "process_programs.h"

#include <catch2/catch.hpp>

#include <drupe/syscall/handlers.h>
#include <drupe/time/clock.h>

using namespace drupe;
using namespace drupe::process;
using sim::at;
using sim::Program;
using sim::Programs;
using sim::Word;

namespace {

constexpr int realtime = 0, monotonic = 1, absolute = 1;
constexpr std::int64_t eagain = -11, etimedout = -110;
constexpr int futex_wait_bitset_realtime = 9 | 128 | 256;

struct Spec {
    std::int64_t seconds, nanoseconds;
};
struct TimerSpec {
    Spec interval, value;
};

void set_clock(Program& p, std::int64_t seconds) {
    Spec t{seconds, 0};
    REQUIRE(p.call([&] { return syscall::clock_settime(realtime, at(&t)); }) == 0);
}
std::int64_t sleep_until(Program& p, int clock, std::int64_t seconds) {
    Spec t{seconds, 0};
    return p.call([&] { return syscall::clock_nanosleep(clock, absolute, at(&t), VirtAddr{}); });
}
void sleep_for(Program& p, std::int64_t seconds) {
    Spec t{seconds, 0};
    REQUIRE(p.call([&] { return syscall::nanosleep(at(&t), VirtAddr{}); }) == 0);
}
std::int64_t elapsed(Nanos since) { return (time::now() - since).ns / 1'000'000'000; }

/// How a wait for wall time 1100 that began at 1000 ends when, 10 seconds on, the clock is set.
struct Case {
    std::int64_t set_to, lasts;
};
constexpr Case cases[] = {
    {1200, 10},  // beyond: at once
    {1100, 10},  // exactly there
    {1050, 60},  // nearer
    {1000, 110}, // back to the beginning
    {500, 610},  // far back
};

/// Runs `wait` while another thread sets the clock, and counts monotonic seconds.
void check(std::int64_t (*wait)(Program&), std::int64_t outcome, const Case& c) {
    INFO("set to " << c.set_to);
    Programs programs;
    programs.start([&](Program& p) {
        set_clock(p, 1000);
        const Nanos begun = time::now();
        REQUIRE(sim::clone(p, sim::thread_flags, [&](Program& other) {
                    sleep_for(other, 10);
                    set_clock(other, c.set_to);
                }) > 0);
        CHECK(wait(p) == outcome);
        CHECK(elapsed(begun) == c.lasts);
    });
    CHECK(programs.run());
}

} // namespace

TEST_CASE("a sleep until a time of day follows the clock that is set") {
    for (const Case& c : cases)
        check([](Program& p) { return sleep_until(p, realtime, 1100); }, 0, c);
}

TEST_CASE("a futex wait until a time of day follows the clock that is set") {
    for (const Case& c : cases)
        check(
            [](Program& p) {
                std::uint32_t word = 7;
                Spec t{1100, 0};
                return p.call([&] {
                    return syscall::futex(at(&word), futex_wait_bitset_realtime, 7, at(&t),
                                          VirtAddr{}, ~std::uint32_t{0});
                });
            },
            etimedout, c);
}

TEST_CASE("a timer set to a time of day follows the clock that is set, and fires once") {
    for (const Case& c : cases) {
        INFO("set to " << c.set_to);
        Programs programs;
        programs.start([&](Program& p) {
            const Word alarm = Word{1} << (sigalrm - 1);
            REQUIRE(p.call([&] { return syscall::rt_sigprocmask(0, at(&alarm), VirtAddr{}, 8); }) ==
                    0);
            set_clock(p, 1000);
            const Nanos begun = time::now();
            REQUIRE(sim::clone(p, sim::thread_flags, [&](Program& other) {
                        sleep_for(other, 10);
                        set_clock(other, c.set_to);
                    }) > 0);
            std::int32_t id = -1;
            REQUIRE(p.call([&] { return syscall::timer_create(realtime, VirtAddr{}, at(&id)); }) ==
                    0);
            TimerSpec due{{0, 0}, {1100, 0}}, left{};
            REQUIRE(p.call([&] {
                return syscall::timer_settime(id, absolute, at(&due), VirtAddr{});
            }) == 0);
            const auto await = [&](std::int64_t seconds) {
                Spec patience{seconds, 0};
                return p.call([&] {
                    return syscall::rt_sigtimedwait(at(&alarm), VirtAddr{}, at(&patience), 8);
                });
            };
            CHECK(await(3000) == sigalrm);
            CHECK(elapsed(begun) == c.lasts);
            REQUIRE(p.call([&] { return syscall::timer_gettime(id, at(&left)); }) == 0);
            CHECK(left.value.seconds == 0);
            CHECK(left.value.nanoseconds == 0);
            set_clock(p, 100'000);
            CHECK(await(5) == eagain);
        });
        CHECK(programs.run());
    }
}

TEST_CASE("what does not wait for a time of day is left alone by setting the clock") {
    for (const std::int64_t set_to : {500, 5000}) {
        Programs programs;
        programs.start([&](Program& p) {
            set_clock(p, 1000);
            const Nanos begun = time::now();
            REQUIRE(sim::clone(p, sim::thread_flags, [&](Program& other) {
                        sleep_for(other, 10);
                        set_clock(other, set_to);
                    }) > 0);
            sleep_for(p, 60);
            CHECK(elapsed(begun) == 60);
            CHECK(sleep_until(p, monotonic, begun.ns / 1'000'000'000 + 90) == 0);
            CHECK(elapsed(begun) == 90 - (begun.ns % 1'000'000'000 != 0));
        });
        CHECK(programs.run());
    }
}
