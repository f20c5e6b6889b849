// SPDX-License-Identifier: BSD-2-Clause
#include "caller.h"

#include "user_time.h"

#include <drupe/sched/cpu.h>
#include <drupe/syscall/handlers.h>

using namespace drupe;
namespace sc = drupe::syscall; // spelled out: the C library has functions of these names
using sc::UserTimespec;
using test::at;

TEST_CASE("policies and priorities are checked, set and read back") {
    test::Caller caller;
    CHECK(caller.run([&] {
        std::int32_t priority = 10, read = -1;
        CHECK(sc::sched_getscheduler(0).value() == 0);
        CHECK(sc::sched_setscheduler(0, 1, at(priority)).ok());
        CHECK(sc::sched_getscheduler(100).value() == 1);
        CHECK(sc::sched_getparam(0, at(read)).ok());
        CHECK(read == 10);
        CHECK(sc::sched_setscheduler(0, 0, at(priority)).error() == Errc::invalid);
        priority = 0;
        CHECK(sc::sched_setscheduler(0, 2, at(priority)).error() == Errc::invalid);
        CHECK(sc::sched_setscheduler(0, 0x4000'0000, at(priority)).ok());
        CHECK(sc::sched_getscheduler(0).value() == 0x4000'0000);
        CHECK(sc::sched_setparam(0, at(priority)).ok());
        CHECK(sc::sched_getscheduler(0).value() == 0x4000'0000);
        CHECK(sc::sched_setscheduler(0, 0, at(priority)).ok());
        CHECK(sc::sched_getscheduler(0).value() == 0);
        CHECK(sc::sched_setscheduler(0, 4, at(priority)).error() == Errc::invalid);
        CHECK(sc::sched_setscheduler(55, 0, at(priority)).error() == Errc::no_process);
        CHECK(sc::sched_setscheduler(-1, 0, at(priority)).error() == Errc::invalid);
        CHECK(sc::sched_get_priority_max(1).value() == 99);
        CHECK(sc::sched_get_priority_min(2).value() == 1);
        CHECK(sc::sched_get_priority_max(0).value() == 0);
        CHECK(sc::sched_get_priority_max(6).value() == 0); // SCHED_DEADLINE has none
        CHECK(sc::sched_get_priority_min(6).value() == 0);
        CHECK(sc::sched_get_priority_max(9).error() == Errc::invalid);
        UserTimespec turn{};
        CHECK(sc::sched_rr_get_interval(0, at(turn)).ok());
        CHECK(turn.nanoseconds == 3'000'000);
    }));
}

TEST_CASE("the unprivileged may give weight away but not take it") {
    test::Caller caller;
    CHECK(caller.run([&] {
        caller.process().credentials.uid = caller.process().credentials.euid = 5;
        CHECK(sc::getpriority(0, 0).value() == 20);
        CHECK(sc::setpriority(0, 0, 7).ok());
        CHECK(sc::getpriority(0, 100).value() == 13);
        CHECK(sc::getpriority(1, 0).value() == 13);
        CHECK(sc::getpriority(2, 5).value() == 13);
        CHECK(sc::setpriority(0, 0, 3).error() == Errc::access);
        std::int32_t priority = 1;
        CHECK(sc::sched_setscheduler(0, 1, at(priority)).error() == Errc::not_permitted);
        caller.process().credentials.euid = 0;
        CHECK(sc::setpriority(0, 0, -30).ok());
        CHECK(sc::getpriority(0, 0).value() == 40);
        CHECK(sc::getpriority(3, 0).error() == Errc::invalid);
        CHECK(sc::getpriority(2, 99).error() == Errc::no_process);
        CHECK(sc::getpriority(0, -1).error() == Errc::no_process);
        CHECK(sc::setpriority(0, -1, 0).error() == Errc::no_process);
    }));
}

TEST_CASE("affinity shows the CPUs there are") {
    test::Caller caller;
    CHECK(caller.run([&] {
        std::uint64_t mask = 0;
        CHECK(sc::sched_getaffinity(0, 8, at(mask)).value() == 8);
        CHECK(mask == 1);
        CHECK(sc::sched_getaffinity(0, 4, at(mask)).error() == Errc::invalid);
        mask = 3;
        CHECK(sc::sched_setaffinity(0, 8, at(mask)).ok());
        mask = 2;
        CHECK(sc::sched_setaffinity(0, 8, at(mask)).error() == Errc::invalid);
        // One that is being started is waited for; here it does not come.
        sched::expect_cpus(2);
        caller.machine.spawn("starts it", [] {
            (void)sched::sleep_until(Nanos{1'000'000});
            sched::expect_cpus(1);
        });
        CHECK(sc::sched_setaffinity(0, 8, at(mask)).error() == Errc::invalid);
        CHECK(sched::cpus_expected() == 1);
        std::uint32_t cpu = 9, node = 9;
        CHECK(sc::getcpu(at(cpu), at(node), VirtAddr{0}).ok());
        CHECK(cpu == 0);
        CHECK(node == 0);
        CHECK(sc::sched_yield() == 0);
    }));
}
