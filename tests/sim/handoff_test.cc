// SPDX-License-Identifier: BSD-2-Clause
// Whom a thread wakes before it blocks gets the CPU from it past the queue, and nobody is the worse
// for it: the machine checks its invariants after every event, and shares are compared here.
#include <catch2/catch.hpp>

#include <drupe/sched/cpu.h>
#include <drupe/sched/wait_queue.h>
#include <sim/machine.h>

#include <algorithm>

using namespace drupe;
using sched::CpuMask;
using sched::Policy;

namespace {

constexpr Nanos ms(std::int64_t n) { return {n * 1'000'000}; }
Nanos some(sim::Machine& m, std::uint64_t most) {
    return {static_cast<std::int64_t>(m.random().below(most))};
}

/// A ball that two threads pass to and fro.
struct Pair {
    explicit Pair(sim::Machine& m) : machine(m) {}
    sim::Machine& machine;
    sched::WaitQueue queues[2];
    int turn = 0;
    bool stop = false;
    RefPtr<sched::Thread> threads[2];

    void wait_for_turn(int side) {
        (void)queues[side].wait_until([&] { return turn == side || stop; });
    }
    void pass(int side) {
        turn = 1 - side;
        queues[1 - side].wake_one();
    }
    void spawn(int side, std::function<void()> body) {
        threads[side] = machine.spawn(side == 0 ? "ping" : "pong", body);
    }
    /// Both compute for up to `most` at each turn.
    void play(Nanos until, std::uint64_t most) {
        for (int side : {0, 1})
            spawn(side, [this, side, until, most] {
                while (!stop) {
                    wait_for_turn(side);
                    machine.user(some(machine, most));
                    if (time::now() >= until) stop = true;
                    pass(side);
                }
            });
    }
};

Nanos used_by(Pair& pair) { return pair.threads[0]->cpu_time() + pair.threads[1]->cpu_time(); }

} // namespace

TEST_CASE("who wakes another and blocks hands it the CPU past the queue") {
    sim::Machine machine;
    sched::Cpu& cpu = sched::cpu(0);
    Pair pair{machine};
    int handed = 0;
    pair.spawn(0, [&] {
        for (int n = 0; n < 20; ++n) {
            pair.pass(0);
            handed += cpu.queue.handed() == pair.threads[1].get();
            CHECK(pair.threads[1]->is_queued());
            CHECK(cpu.queue.queued() == 1);
            pair.wait_for_turn(0);
        }
    });
    pair.spawn(1, [&] {
        for (int n = 0; n < 20; ++n) {
            pair.wait_for_turn(1);
            CHECK(cpu.queue.handed() == nullptr);
            CHECK(cpu.queue.queued() == 0);
            CHECK(cpu.queue.lag_of(*pair.threads[1]) == 0);
            pair.pass(1);
        }
    });
    CHECK(machine.run());
    CHECK(handed >= 19); // the first time it was runnable from its start
}

TEST_CASE("who was woken and is not blocked for waits for one turn of the waker") {
    sim::Machine machine;
    Pair pair{machine};
    Nanos woken_at{0}, ran_at{0};
    pair.spawn(1, [&] {
        pair.wait_for_turn(1);
        ran_at = time::now();
    });
    pair.spawn(0, [&] {
        (void)sched::sleep_until(time::now() + Nanos{1000});
        woken_at = time::now();
        pair.pass(0);
        machine.user(ms(20));
    });
    CHECK(machine.run());
    CHECK((ran_at - woken_at).ns <= 2 * sched::RunQueue::wakeup_slice.ns);
}

TEST_CASE("two that hand the CPU to and fro leave a third its share") {
    const int seed = GENERATE(range(0, 200));
    // They leave and join with lag, see sched_test.cc.
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed),
                          .lag_bound = Nanos{2 * sched::RunQueue::slice.ns}});
    Pair pair{machine};
    const Nanos end = ms(300);
    pair.play(end, 1 + machine.random().below(400'000));
    auto hog = machine.spawn("hog", [&] {
        while (time::now() < end) machine.user(some(machine, 2'000'000));
    });
    INFO("seed " << seed);
    CHECK(machine.run());
    // One of the pair and the hog want the CPU at any time; who sleeps is favoured a little.
    const double all = static_cast<double>((used_by(pair) + hog->cpu_time()).ns);
    CHECK(static_cast<double>(hog->cpu_time().ns) / all == Approx(0.45).margin(0.05));
}

TEST_CASE("who wakes up waits no longer for two that hand the CPU to and fro than for others") {
    const int seed = GENERATE(range(0, 100));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed),
                          .lag_bound = Nanos{2 * sched::RunQueue::slice.ns}});
    Pair pair{machine};
    pair.play(ms(60), 1 + machine.random().below(200'000));
    Nanos worst{0};
    machine.spawn("sleeper", [&] {
        for (int n = 1; n <= 20; ++n) {
            const Nanos due = ms(2 * n) + some(machine, 1'000'000);
            (void)sched::sleep_until(due);
            worst = std::max(worst, time::now() - due);
            machine.user(Nanos{20'000});
        }
    });
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(worst.ns <= 2 * sched::RunQueue::wakeup_slice.ns);
}

TEST_CASE("a fixed priority does not wait for two that hand the CPU to and fro") {
    const int seed = GENERATE(range(0, 50));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed)});
    Pair pair{machine};
    pair.play(ms(50), 20'000);
    Nanos worst{0};
    machine
        .spawn("urgent",
               [&] {
                   for (int n = 1; n < 40; ++n) {
                       (void)sched::sleep_until(ms(n));
                       worst = std::max(worst, time::now() - ms(n));
                       machine.user(some(machine, 300'000));
                   }
               })
        ->set_parameters(Policy::fifo, 1, 0);
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(worst < Nanos{1000});
}

TEST_CASE("whoever wakes others, who are changed meanwhile: the queues stay whole") {
    const int seed = GENERATE(range(0, 1000));
    const std::size_t cpus = 1 + static_cast<std::size_t>(seed) % 3;
    sim::Machine machine(
        {.seed = static_cast<std::uint64_t>(seed), .cpus = cpus, .lag_bound = Nanos::never()});
    sim::Random& random = machine.random();
    std::vector<RefPtr<sched::Thread>> threads;
    const Policy policies[] = {Policy::other, Policy::batch, Policy::idle, Policy::fifo,
                               Policy::round_robin};
    const auto change = [&](sched::Thread& other) {
        if (random.one_in(2)) {
            CpuMask mask{};
            for (std::uint32_t cpu = 0; cpu < cpus; ++cpu)
                if (random.one_in(2)) mask.add(cpu);
            mask.add(static_cast<std::uint32_t>(random.below(cpus)));
            other.set_affinity(mask);
        } else {
            other.set_parameters(policies[random.below(5)], static_cast<int>(random.below(3)) + 1,
                                 static_cast<int>(random.below(40)) - 20);
        }
    };
    for (std::size_t i = 0; i < 3 + cpus; ++i)
        threads.push_back(machine.spawn("t" + std::to_string(i), [&] {
            for (int n = 0; n < 25; ++n) {
                machine.user(some(machine, random.one_in(4) ? 2'000'000 : 20'000));
                sched::Thread& other = *threads[random.below(threads.size())];
                sched::wake(other);
                switch (random.below(6)) {
                case 0: sched::yield(); break;
                case 1: change(other); break;
                case 2: (void)other.cpu_time(); break;
                case 3: machine.kernel(some(machine, 150'000)); break;
                default: (void)sched::sleep_until(time::now() + some(machine, 400'000));
                }
                machine.return_to_user();
            }
        }));
    INFO("seed " << seed);
    CHECK(machine.run());
}
