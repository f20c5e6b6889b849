// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/sched/mutex.h>
#include <sim/machine.h>

using namespace drupe;

namespace {
Nanos some(sim::Machine& m, std::uint64_t most) {
    return {static_cast<std::int64_t>(m.random().below(most))};
}
} // namespace

TEST_CASE("a mutex keeps its section to one thread, also when the holder sleeps") {
    const int seed = GENERATE(range(0, 100));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed)});
    sched::Mutex mutex;
    int inside = 0, entered = 0;
    for (int i = 0; i < 5; ++i)
        machine.spawn("t", [&] {
            for (int n = 0; n < 10; ++n) {
                machine.user(some(machine, 5'000));
                sched::MutexGuard guard(mutex);
                REQUIRE(++inside == 1);
                ++entered;
                if (machine.random().one_in(3))
                    (void)sched::sleep_until(time::now() + some(machine, 10'000));
                else
                    sched::yield();
                --inside;
            }
        });
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(entered == 50);
    CHECK_FALSE(mutex.is_held());
}

TEST_CASE("a reader-writer lock admits readers together and writers alone") {
    const int seed = GENERATE(range(0, 100));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed)});
    sched::RwLock lock;
    int readers = 0, writers = 0, most_readers = 0;
    for (int i = 0; i < 4; ++i)
        machine.spawn("reader", [&] {
            for (int n = 0; n < 10; ++n) {
                {
                    sched::SharedGuard guard(lock);
                    REQUIRE(writers == 0);
                    most_readers = std::max(most_readers, ++readers);
                    sched::yield();
                    --readers;
                }
                (void)sched::sleep_until(time::now() + some(machine, 5'000));
            }
        });
    for (int i = 0; i < 2; ++i)
        machine.spawn("writer", [&] {
            for (int n = 0; n < 10; ++n) {
                {
                    sched::ExclusiveGuard guard(lock);
                    REQUIRE(readers == 0);
                    REQUIRE(++writers == 1);
                    (void)sched::sleep_until(time::now() + some(machine, 2'000));
                    --writers;
                }
                (void)sched::sleep_until(time::now() + some(machine, 5'000));
            }
        });
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(most_readers > 1);
}

TEST_CASE("a completion releases those who wait and those who come later") {
    sim::Machine machine;
    sched::Completion completion;
    int released = 0;
    for (int i = 0; i < 3; ++i)
        machine.spawn("t", [&] {
            CHECK(completion.wait().ok());
            ++released;
        });
    machine.interrupt_at(Nanos{1000}, [&] { completion.complete(); });
    machine.interrupt_at(Nanos{2000}, [&] {
        machine.spawn("late", [&] {
            CHECK(completion.wait().ok());
            ++released;
        });
    });
    CHECK(machine.run());
    CHECK(released == 4);
}

TEST_CASE("an interrupted lock attempt leaves the mutex to its holder") {
    sim::Machine machine;
    sched::Mutex mutex;
    machine.spawn("holder", [&] {
        sched::MutexGuard guard(mutex);
        (void)sched::sleep_until(Nanos{10'000});
    });
    auto other = machine.spawn("other", [&] {
        CHECK(mutex.lock_interruptible().error() == Errc::interrupted);
        CHECK(mutex.is_held());
    });
    machine.interrupt_at(Nanos{5'000}, [&] { other->post_work(sched::work_signal); });
    CHECK(machine.run());
}
