// SPDX-License-Identifier: BSD-2-Clause
// Shows that the machine's checkers see what they are there for: each test breaks one thing.
#include <catch2/catch.hpp>

#include <drupe/sched/cpu.h>
#include <drupe/sched/wait_queue.h>
#include <sim/machine.h>

using namespace drupe;

TEST_CASE("a wait that announces itself too late is found by some seed") {
    int stuck = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        sim::Machine machine({.seed = seed});
        sched::WaitQueue queue;
        bool flag = false;
        machine.interrupt_at(Nanos{static_cast<std::int64_t>(machine.random().below(400))}, [&] {
            flag = true;
            queue.wake_one();
        });
        auto t = machine.spawn("waiter", [&] {
            sched::ThreadWaiter waiter(sched::current());
            bool seen = flag;
            machine.kernel(Nanos{200});
            if (!seen) { // WRONG: what came since the look is missed
                queue.add(waiter);
                sched::prepare_to_wait();
                sched::block(Nanos::never());
                queue.remove(waiter);
            }
        });
        if (machine.run()) continue;
        ++stuck;
        CHECK(machine.unfinished() == std::vector<std::string>{"waiter"});
        queue.wake_all();
        CHECK(machine.run());
    }
    CHECK(stuck > 0);
    CHECK(stuck < 50);
}

TEST_CASE("a runnable thread that no queue holds is found") {
    sim::Machine machine;
    auto t = machine.spawn("lost", [] {});
    sched::Cpu& cpu = sched::cpu(0);
    CHECK(machine.check().empty());
    cpu.queue.dequeue(*t, time::now());
    CHECK(machine.check() == "lost is runnable and on no queue");
    cpu.queue.enqueue(*t, time::now());
    CHECK(machine.run());
}

TEST_CASE("a thread that keeps the CPU too long is found by its lag") {
    sim::Machine machine;
    for (int i = 0; i < 2; ++i)
        machine.spawn("t", [&] {
            machine.kernel(Nanos{50'000'000}); // the kernel does not give way
            machine.return_to_user();
        });
    CHECK_THROWS_WITH(machine.run(), Catch::Matchers::Contains("lag of"));
    machine.run();
}
