// SPDX-License-Identifier: BSD-2-Clause
#include "caller.h"

#include "user_time.h"

#include <drupe/process/signal.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/syscall/handlers.h>

using namespace drupe;
using namespace drupe::syscall;
using test::at;

namespace {
constexpr Nanos ms(std::int64_t n) { return {n * 1'000'000}; }
constexpr UserTimespec spec(std::int64_t n) { return {0, n * 1'000'000}; }
} // namespace

TEST_CASE("times convert to nanoseconds and back, and bad ones are refused") {
    CHECK(to_nanos(UserTimespec{1, 5}).value().ns == 1'000'000'005);
    CHECK(to_nanos(UserTimespec{-1, 0}).error() == Errc::invalid);
    CHECK(to_nanos(UserTimespec{0, 1'000'000'000}).error() == Errc::invalid);
    CHECK(to_nanos(UserTimespec{0, -1}).error() == Errc::invalid);
    CHECK(to_nanos(UserTimespec{INT64_MAX, 0}).ok());
    CHECK(to_nanos(UserTimeval{0, 1'000'000}).error() == Errc::invalid);
    const UserTimespec before_1970 = to_timespec(Nanos{-1});
    CHECK(before_1970.seconds == -1);
    CHECK(before_1970.nanoseconds == 999'999'999);
    CHECK(add_saturated(Nanos{5}, Nanos::never()) == Nanos::never());
}

TEST_CASE("each clock shows its time, and there are no others") {
    test::Caller caller;
    CHECK(caller.run([&] {
        time::set_wall(Nanos::from_seconds(1'700'000'000));
        caller.machine.user(ms(3));
        UserTimespec t{};
        CHECK(clock_gettime(clock_realtime, at(t)).ok());
        CHECK(t.seconds == 1'700'000'000);
        CHECK(t.nanoseconds == 3'000'000);
        CHECK(clock_gettime(clock_monotonic, at(t)).ok());
        CHECK(t.nanoseconds == time::now().ns);
        (void)sched::sleep_until(ms(50));
        for (int clock : {2, 3, ~100 << 3 | 2, ~100 << 3 | 4 | 2}) {
            INFO("clock " << clock);
            CHECK(clock_gettime(clock, at(t)).ok());
            CHECK(t.nanoseconds == 3'000'000); // what was computed, not what was slept
        }
        CHECK(clock_gettime(10, at(t)).error() == Errc::invalid);
        CHECK(clock_gettime(~999 << 3 | 2, at(t)).error() == Errc::invalid);
        CHECK(clock_gettime(0, test::nowhere).error() == Errc::fault);
        CHECK(clock_getres(1, VirtAddr{0}).ok());
        CHECK(clock_getres(77, VirtAddr{0}).error() == Errc::invalid);
    }));
}

TEST_CASE("only the privileged set the clock, and only the wall clock") {
    test::Caller caller;
    CHECK(caller.run([&] {
        UserTimespec t{1'000, 0};
        CHECK(clock_settime(clock_monotonic, at(t)).error() == Errc::invalid);
        CHECK(clock_settime(clock_realtime, at(t)).ok());
        CHECK(time::wall() == Nanos::from_seconds(1'000));
        caller.process().credentials.euid = 5;
        CHECK(clock_settime(clock_realtime, at(t)).error() == Errc::not_permitted);
    }));
}

TEST_CASE("a sleep lasts as long as asked") {
    test::Caller caller;
    CHECK(caller.run([&] {
        UserTimespec t = spec(20);
        CHECK(nanosleep(at(t), VirtAddr{0}).ok());
        CHECK(time::now() >= ms(20));
        CHECK(time::now() < ms(21));
        time::set_wall(Nanos::from_seconds(100));
        UserTimespec until{100, 30'000'000};
        CHECK(clock_nanosleep(clock_realtime, 1, at(until), VirtAddr{0}).ok());
        CHECK(time::now() >= ms(50));
        CHECK(time::now() < ms(51));
        CHECK(clock_nanosleep(clock_thread_cputime, 0, at(t), VirtAddr{0}).error() ==
              Errc::not_supported);
        t.nanoseconds = -1;
        CHECK(nanosleep(at(t), VirtAddr{0}).error() == Errc::invalid);
    }));
}

TEST_CASE("an interrupted sleep tells what is left and is resumed to its end") {
    test::Caller caller;
    CHECK(caller.run([&] {
        sched::Thread& self = sched::current();
        caller.machine.interrupt_at(ms(4), [&] { self.post_work(sched::work_signal); });
        UserTimespec t = spec(10), rest{};
        CHECK(nanosleep(at(t), at(rest)).error() == Errc::restart_no_handler);
        CHECK(rest.nanoseconds <= 6'000'000);
        CHECK(rest.nanoseconds > 5'900'000);
        self.work.fetch_and(~std::uint32_t{sched::work_signal});
        process::RestartBlock& block = self.user->restart;
        REQUIRE(block.resume);
        (void)sched::sleep_until(ms(7)); // a handler ran meanwhile
        CHECK(block.resume(block).ok());
        CHECK(time::now() >= ms(10));
        CHECK(time::now() < ms(11));
    }));
}

TEST_CASE("an interval timer signals at each interval until disarmed") {
    test::Caller caller;
    CHECK(caller.run([&] {
        UserItimerval every{{0, 10'000}, {0, 5'000}}, now{};
        CHECK(setitimer(0, at(every), VirtAddr{0}).ok());
        CHECK(getitimer(0, at(now)).ok());
        CHECK(now.interval.microseconds == 10'000);
        CHECK(now.value.microseconds <= 5'000);
        for (int due : {5, 15, 25}) {
            (void)sched::sleep_until(ms(due) - Nanos{1000});
            CHECK_FALSE(caller.took(process::sigalrm));
            (void)sched::sleep_until(ms(due) + Nanos{1000}, sched::Interruptible::no);
            CHECK(caller.took(process::sigalrm));
        }
        const UserItimerval none{};
        CHECK(setitimer(0, at(none), at(now)).ok());
        CHECK(now.value.microseconds > 9'000);
        (void)sched::sleep_until(ms(100));
        CHECK_FALSE(caller.took(process::sigalrm));
        CHECK(setitimer(3, at(every), VirtAddr{0}).error() == Errc::invalid);
    }));
}

TEST_CASE("a profiling timer counts what is computed, not what is slept") {
    test::Caller caller;
    CHECK(caller.run([&] {
        UserItimerval once{{0, 0}, {0, 10'000}};
        CHECK(setitimer(2, at(once), VirtAddr{0}).ok());
        caller.machine.user(ms(6));
        (void)sched::sleep_until(ms(200));
        CHECK_FALSE(caller.took(process::sigprof));
        caller.machine.user(ms(3));
        CHECK_FALSE(caller.took(process::sigprof));
        caller.machine.user(ms(2));
        CHECK(caller.took(process::sigprof));
    }));
}

/// Accepts one of the caller's signals, which is pending.
static process::SigInfo accept(int signo) {
    const std::uint64_t wanted = process::SignalSet{signo}.raw();
    union {
        char room[128]; // what the call fills
        process::SigInfo info;
    } accepted{};
    const UserTimespec none{0, 0};
    CHECK(rt_sigtimedwait(at(wanted), at(accepted), at(none), 8).value_or(0) ==
          static_cast<std::uint64_t>(signo));
    CHECK(accepted.info.timer_mark == 0);
    return accepted.info;
}

TEST_CASE("a POSIX timer signals with its value and counts overruns up to the delivery") {
    test::Caller caller;
    CHECK(caller.run([&] {
        struct {
            std::uint64_t value = 77;
            std::int32_t signo = process::sigusr1, notify = 0, tid = 0;
            std::int32_t padding[11] = {};
        } event;
        std::int32_t id = -1;
        CHECK(timer_create(clock_monotonic, at(event), at(id)).ok());
        UserItimerspec every{spec(10), spec(5)}, now{};
        CHECK(timer_settime(id, 0, at(every), VirtAddr{0}).ok());
        (void)sched::sleep_until(ms(36), sched::Interruptible::no);
        CHECK(timer_getoverrun(id).value() == 0); // none is delivered yet
        const process::SigInfo info = accept(process::sigusr1);
        CHECK(info.code == process::si_timer);
        CHECK(info.u.timer.value == 77);
        CHECK(info.u.timer.overrun == 3); // at 15, 25 and 35 ms
        CHECK(timer_getoverrun(id).value() == 3);
        CHECK(timer_gettime(id, at(now)).ok());
        CHECK(now.value.nanoseconds > 8'000'000);
        CHECK(timer_delete(id).ok());
        CHECK(timer_delete(id).error() == Errc::invalid);
        (void)sched::sleep_until(ms(100), sched::Interruptible::no);
        CHECK_FALSE(caller.took(process::sigusr1));
        event.notify = 9;
        CHECK(timer_create(clock_monotonic, at(event), at(id)).error() == Errc::invalid);
        CHECK(timer_create(99, VirtAddr{0}, at(id)).error() == Errc::invalid);
    }));
}

TEST_CASE("intervals too short for an alarm each are counted up to the delivery") {
    test::Caller caller;
    CHECK(caller.run([&] {
        std::int32_t id = -1;
        CHECK(timer_create(clock_monotonic, VirtAddr{0}, at(id)).ok());
        const UserItimerspec every{{0, 100'000}, {0, 100'000}};
        const Nanos begun = time::now();
        CHECK(timer_settime(id, 0, at(every), VirtAddr{0}).ok());
        (void)sched::sleep_until(begun + Nanos{3'950'000}, sched::Interruptible::no);
        CHECK(accept(process::sigalrm).u.timer.overrun == 38);
        CHECK(timer_getoverrun(id).value() == 38);
        (void)sched::sleep_until(begun + ms(9), sched::Interruptible::no);
        CHECK(accept(process::sigalrm).u.timer.overrun == 50);
        CHECK(timer_settime(id, 0, at(every), VirtAddr{0}).ok());
        CHECK(timer_getoverrun(id).value() == 0);
    }));
}

TEST_CASE("a POSIX timer with a time long past fires at once") {
    test::Caller caller;
    CHECK(caller.run([&] {
        time::set_wall(Nanos::from_seconds(1'000));
        std::int32_t id = -1;
        CHECK(timer_create(clock_realtime, VirtAddr{0}, at(id)).ok());
        CHECK(timer_settime(id, 1, VirtAddr{0}, VirtAddr{0}).error() == Errc::invalid);
        const UserItimerspec past{{0, 0}, {5, 0}};
        CHECK(timer_settime(id, 1, at(past), VirtAddr{0}).ok());
        caller.machine.user(Nanos{1000});
        CHECK(caller.took(process::sigalrm));
    }));
}

TEST_CASE("a timer of one nanosecond leaves its program time and counts what it missed") {
    test::Caller caller;
    CHECK(caller.run([&] {
        std::int32_t id = -1;
        CHECK(timer_create(clock_monotonic, VirtAddr{0}, at(id)).ok());
        const UserItimerspec storm{{0, 1}, {0, 1}};
        CHECK(timer_settime(id, 0, at(storm), VirtAddr{0}).ok());
        const std::uint64_t steps = caller.machine.steps();
        caller.machine.user(ms(3));
        CHECK(caller.machine.steps() - steps < 100);
        accept(process::sigalrm);
        CHECK(timer_getoverrun(id).value() > 2'000'000);
        for (int i = 0; i < 10; i++) { // nor when it takes each
            caller.machine.user(Nanos{1});
            while (!caller.process().pending.set().has(process::sigalrm))
                caller.machine.user(Nanos{10'000});
            accept(process::sigalrm);
        }
        CHECK(time::now() > ms(10));
        CHECK(timer_delete(id).ok());

        const UserItimerspec ages_ago{{0, 1}, {0, 1}};
        time::set_wall(Nanos::from_seconds(1'000));
        std::int32_t wall = -1;
        CHECK(timer_create(clock_realtime, VirtAddr{0}, at(wall)).ok());
        CHECK(timer_settime(wall, 1, at(ages_ago), VirtAddr{0}).ok());
        caller.machine.user(ms(2));
        accept(process::sigalrm);
        CHECK(timer_getoverrun(wall).value() == INT32_MAX);
    }));
}
