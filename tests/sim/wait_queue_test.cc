// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/irq_state.h>
#include <drupe/sched/wait_queue.h>
#include <sim/machine.h>

#include <deque>
#include <vector>

using namespace drupe;
using sched::WaitQueue;

namespace {
constexpr int seeds = 200;
Nanos us(std::int64_t n) { return {n * 1000}; }
} // namespace

TEST_CASE("a condition that holds already does not block or queue") {
    sim::Machine machine;
    WaitQueue queue;
    int looks = 0;
    machine.spawn("t", [&] {
        CHECK(queue.wait_until([&] { return ++looks == 1; }).ok());
        CHECK_FALSE(queue.has_waiters());
    });
    CHECK(machine.run());
    CHECK(looks == 1);
}

TEST_CASE("no wake-up is lost whenever the waker comes") {
    const int seed = GENERATE(range(0, seeds));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed)});
    WaitQueue queue;
    bool flag = false;
    // An interrupt sets the flag at a moment that falls before, inside or after the wait's steps.
    machine.interrupt_at(Nanos{static_cast<std::int64_t>(machine.random().below(400))}, [&] {
        flag = true;
        queue.wake_one();
    });
    machine.spawn("waiter", [&] {
        machine.kernel(Nanos{static_cast<std::int64_t>(machine.random().below(100))});
        CHECK(queue
                  .wait_until([&] {
                      const bool seen = flag;
                      machine.kernel(Nanos{100}); // the interrupt may come after the look
                      return seen;
                  })
                  .ok());
    });
    INFO("seed " << seed);
    CHECK(machine.run());
}

TEST_CASE("producers and consumers exchange every item exactly once") {
    const int seed = GENERATE(range(0, seeds));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed)});
    sim::Random& random = machine.random();
    WaitQueue not_empty, not_full;
    std::deque<int> ring;
    std::vector<int> seen(120, 0);
    int taken = 0;
    for (int p = 0; p < 3; ++p)
        machine.spawn("producer", [&, p] {
            for (int i = 0; i < 40; ++i) {
                machine.user(Nanos{static_cast<std::int64_t>(random.below(20'000))});
                REQUIRE(not_full.wait_until([&] { return ring.size() < 4; }).ok());
                ring.push_back(p * 40 + i);
                not_empty.wake_one();
            }
        });
    for (int c = 0; c < 4; ++c)
        machine.spawn("consumer", [&] {
            while (taken < 120) {
                auto got = not_empty.wait_until([&] { return !ring.empty() || taken == 120; });
                REQUIRE(got.ok());
                if (ring.empty()) break;
                ++seen[static_cast<std::size_t>(ring.front())];
                ring.pop_front();
                if (++taken == 120) not_empty.wake_all();
                not_full.wake_one();
                machine.user(Nanos{static_cast<std::int64_t>(random.below(30'000))});
            }
        });
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(std::count(seen.begin(), seen.end(), 1) == 120);
}

TEST_CASE("a wait ends at its deadline, not before") {
    sim::Machine machine;
    WaitQueue queue;
    machine.spawn("t", [&] {
        auto r = queue.wait_until([] { return false; }, us(500));
        CHECK(r.error() == Errc::timed_out);
        CHECK(time::now() >= us(500));
        CHECK(time::now() < us(501));
        CHECK_FALSE(queue.has_waiters());
        CHECK(queue.wait_until([] { return false; }, us(3)).error() == Errc::timed_out);
    });
    CHECK(machine.run());
}

TEST_CASE("a signal ends an interruptible wait and no other") {
    sim::Machine machine;
    WaitQueue queue;
    bool flag = false;
    auto soft = machine.spawn(
        "soft", [&] { CHECK(queue.wait_until([&] { return flag; }).error() == Errc::restart); });
    auto hard = machine.spawn("hard", [&] {
        CHECK(
            queue.wait_until([&] { return flag; }, Nanos::never(), sched::Interruptible::no).ok());
        CHECK(time::now() >= us(20));
    });
    machine.interrupt_at(us(10), [&] {
        soft->post_work(sched::work_signal);
        hard->post_work(sched::work_signal);
    });
    machine.interrupt_at(us(20), [&] {
        flag = true;
        queue.wake_all();
    });
    CHECK(machine.run());
}

TEST_CASE("a waiter that gives up passes a wake-up on") {
    sim::Machine machine;
    WaitQueue queue;
    int tokens = 0;
    auto take = [&] { return tokens > 0 ? (--tokens, true) : false; };
    auto first = machine.spawn(
        "first", [&] { CHECK(queue.wait_until([] { return false; }).error() == Errc::restart); });
    machine.spawn("second", [&] { CHECK(queue.wait_until(take).ok()); });
    machine.interrupt_at(us(5), [&] {
        tokens = 1;
        queue.wake_one(); // chooses `first`, which cannot use it and is being interrupted
        first->post_work(sched::work_signal);
    });
    CHECK(machine.run());
}

TEST_CASE("wake_one wakes one that competes and everybody who watches") {
    sim::Machine machine;
    WaitQueue queue;
    struct Watcher final : sched::Waiter {
        using Waiter::Waiter;
        int calls = 0;
        bool woken(std::uint32_t) override {
            ++calls;
            return true;
        }
    };
    int passed = 0;
    bool open = false;
    for (int i = 0; i < 3; ++i)
        machine.spawn("t", [&] {
            Watcher watcher(sched::current(), sched::Waiter::Kind::watching,
                            sched::Waiter::After::stays);
            queue.add(watcher);
            CHECK(queue.wait_until([&] { return open; }).ok());
            ++passed;
            CHECK(watcher.calls == passed); // it saw each of the wake-ups so far
            CHECK(queue.remove(watcher));
        });
    for (int i = 1; i <= 3; ++i)
        machine.interrupt_at(us(i), [&, i] {
            CHECK(passed == i - 1);
            open = true;
            queue.wake_one();
        });
    CHECK(machine.run());
    CHECK(passed == 3);
}

TEST_CASE("of exclusive watchers the first that takes it has a wake-up with a key for itself") {
    sim::Machine machine;
    struct Watcher final : sched::Waiter {
        explicit Watcher(bool take) : Waiter(Kind::exclusive), takes(take) {}
        bool woken(std::uint32_t key) override {
            keys.push_back(key);
            return takes;
        }
        bool takes;
        std::vector<std::uint32_t> keys;
    };
    machine.spawn("t", [&] {
        WaitQueue queue;
        Watcher idle(false), first(true), second(true);
        for (Watcher* w : {&idle, &first, &second}) queue.add(*w);
        using Keys = std::vector<std::uint32_t>;
        queue.wake_all(4);
        CHECK(idle.keys == Keys{4}); // asked, but has no use for it
        CHECK(first.keys == Keys{4});
        CHECK(second.keys.empty());
        queue.wake_all();
        CHECK(first.keys == Keys{4, 0});
        CHECK(second.keys == Keys{0});
        for (Watcher* w : {&idle, &first, &second}) CHECK(queue.remove(*w));
    });
    CHECK(machine.run());
}

TEST_CASE("sleeping with a spin lock held is reported") {
    sim::Machine machine;
    SpinLock<LockRank::device> lock;
    machine.spawn("t", [&] {
        lock.lock();
        sched::prepare_to_wait();
        CHECK_THROWS_WITH(sched::block(Nanos::never()), Catch::Matchers::Contains("device"));
        sched::finish_wait();
        lock.unlock();
    });
    CHECK(machine.run());
}
