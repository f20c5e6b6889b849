// SPDX-License-Identifier: BSD-2-Clause
// The scheduler and what blocks on it on several CPUs, over many seeds: the machine checks after
// every event that each runnable thread is on exactly one queue, that nobody is owed more than his
// bound, and that no CPU idles beside work.
#include <catch2/catch.hpp>

#include <drupe/sched/cpu.h>
#include <drupe/sched/mutex.h>
#include <drupe/sched/wait_queue.h>
#include <sim/machine.h>

#include <array>

using namespace drupe;
using sched::CpuMask;
using sched::Policy;

namespace {

constexpr Nanos ms(std::int64_t n) { return {n * 1'000'000}; }
Nanos some(sim::Machine& m, std::uint64_t most) {
    return {static_cast<std::int64_t>(m.random().below(most))};
}
CpuMask only(std::uint32_t cpu) {
    CpuMask mask{};
    mask.add(cpu);
    return mask;
}
std::uint32_t here() { return sched::current().cpu->index; }

} // namespace

TEST_CASE("threads that compute share the CPUs") {
    const std::size_t cpus = GENERATE(2u, 4u, 8u);
    sim::Machine machine({.cpus = cpus});
    for (std::size_t i = 0; i < cpus; ++i) machine.spawn("hog", [&] { machine.user(ms(100)); });
    CHECK(machine.run());
    CHECK(time::now() < ms(101));
}

TEST_CASE("a thread runs where it may, from the moment it is told") {
    const int seed = GENERATE(range(0, 300));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 4});
    std::vector<RefPtr<sched::Thread>> threads;
    int wrong = 0;
    for (int i = 0; i < 4; ++i)
        threads.push_back(machine.spawn("t" + std::to_string(i), [&] {
            for (int n = 0; n < 20; ++n) {
                const std::uint32_t at = static_cast<std::uint32_t>(machine.random().below(4));
                sched::current().set_affinity(only(at));
                machine.return_to_user();
                wrong += here() != at;
                machine.user(some(machine, 3'000'000));
                wrong += here() != at;
                if (machine.random().one_in(3))
                    (void)sched::sleep_until(time::now() + some(machine, 4'000'000));
            }
        }));
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(wrong == 0);
}

TEST_CASE("who asks for a CPU that is still being started waits for it") {
    const int seed = GENERATE(range(0, 300));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 4, .late_cpus = 2});
    sched::expect_cpus(4);
    int arrived = 0, given_up = 0;
    for (std::uint32_t wanted = 0; wanted < 5; ++wanted)
        machine.spawn("asks for " + std::to_string(wanted), [&, wanted] {
            if (const auto outcome = sched::wait_for_cpu(only(wanted)); !outcome) {
                given_up += outcome.error() == Errc::invalid;
                CHECK(wanted >= 3);
                CHECK((wanted == 4 || sched::cpus_expected() == 3));
                return;
            }
            sched::current().set_affinity(only(wanted));
            machine.return_to_user();
            arrived += here() == wanted;
        });
    machine.spawn("starts", [&] {
        (void)sched::sleep_until(some(machine, 2'000'000));
        machine.bring_up();
        while (sched::cpu_count() != 3) (void)sched::sleep_until(time::now() + ms(1));
        if (seed % 3 != 0)
            machine.bring_up();
        else
            sched::expect_cpus(3); // the last one does not come
    });
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(given_up == (seed % 3 != 0 ? 1 : 2));
    CHECK(arrived + given_up == 5);
    sched::expect_cpus(1);
}

TEST_CASE("whoever sleeps, computes, yields and is changed by others: the queues stay whole") {
    const int seed = GENERATE(range(0, 3000));
    const std::size_t cpus = 2 + static_cast<std::size_t>(seed) % 3;
    sim::Machine machine(
        {.seed = static_cast<std::uint64_t>(seed), .cpus = cpus, .lag_bound = Nanos::never()});
    std::vector<RefPtr<sched::Thread>> threads;
    const Policy policies[] = {Policy::other, Policy::batch, Policy::idle, Policy::fifo,
                               Policy::round_robin};
    const auto change = [&](sched::Thread& other) {
        sim::Random& random = machine.random();
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
    for (std::size_t i = 0; i < 2 + cpus; ++i)
        threads.push_back(machine.spawn("t" + std::to_string(i), [&] {
            for (int n = 0; n < 12; ++n) {
                machine.user(some(machine, 6'000'000));
                switch (machine.random().below(4)) {
                case 0: sched::yield(); break;
                case 1: (void)sched::sleep_until(time::now() + some(machine, 8'000'000)); break;
                case 2:
                    change(*threads[machine.random().below(threads.size())]);
                    machine.return_to_user();
                    break;
                default: break;
                }
            }
        }));
    INFO("seed " << seed);
    CHECK(machine.run());
}

TEST_CASE("while all compute, nobody's lag exceeds a slice on any CPU") {
    const int seed = GENERATE(range(0, 300));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 2});
    for (int i = 0; i < 6; ++i) {
        auto t = machine.spawn("hog", [&] {
            while (time::now() < ms(200)) machine.user(some(machine, 6'000'000));
        });
        t->set_affinity(only(static_cast<std::uint32_t>(i) % 2));
    }
    INFO("seed " << seed);
    CHECK(machine.run());
}

TEST_CASE("what cannot be shared out evenly goes round among the CPUs") {
    struct Setting {
        std::size_t cpus;
        std::vector<int> nice; // of each thread
    };
    const Setting settings[] = {{2, {0, 0, 0}},          {4, {0, 0, 0, 0, 0}},
                                {3, {0, 0, 0, 0, 0, 0}}, {4, {0, 0, 0, 0, 0, 0, 0}},
                                {2, {0, 0, 5}},          {2, {0, 0, 0, 5, 5}}};
    const Setting& setting = settings[GENERATE(range(0u, 6u))];
    const int seed = GENERATE(range(0, 5));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = setting.cpus});
    std::vector<RefPtr<sched::Thread>> hogs;
    double sum = 0;
    for (int nice : setting.nice) {
        hogs.push_back(machine.spawn("hog", [&] {
            while (time::now() < ms(4000)) machine.user(ms(5));
        }));
        hogs.back()->set_parameters(Policy::other, 0, nice);
        sum += hogs.back()->weight();
    }
    INFO("setting " << &setting - settings << " seed " << seed);
    CHECK(machine.run());
    for (const auto& hog : hogs) {
        const double share = std::min(1.0, hog->weight() * double(setting.cpus) / sum);
        INFO("nice " << hog->nice() << " due " << share);
        // Where weights differ, who meets whom matters: pairs share, not all with all.
        CHECK(double(hog->used().ns) / double(ms(4000).ns) == Approx(share).epsilon(0.15));
    }
}

TEST_CASE("a fixed priority takes one CPU, and the others share the rest") {
    const int seed = GENERATE(range(0, 20));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 2});
    std::vector<RefPtr<sched::Thread>> hogs;
    for (int i = 0; i < 3; ++i)
        hogs.push_back(machine.spawn("hog", [&] {
            while (time::now() < ms(1000)) machine.user(ms(5));
        }));
    hogs[0]->set_parameters(Policy::fifo, 10, 0);
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(hogs[0]->used() > ms(990));
    for (int i : {1, 2}) CHECK(hogs[static_cast<std::size_t>(i)]->used() > ms(450));
}

TEST_CASE("of fixed priorities the highest run, on whichever CPU they wake") {
    const int seed = GENERATE(range(0, 100));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 2});
    for (int i = 0; i < 2; ++i)
        machine.spawn("hog", [&] {
            while (time::now() < ms(100)) machine.user(ms(5));
        });
    Nanos worst{0};
    for (int i = 0; i < 2; ++i)
        machine
            .spawn("urgent",
                   [&] {
                       for (int n = 1; n < 20; ++n) {
                           (void)sched::sleep_until(ms(4 * n));
                           worst = std::max(worst, time::now() - ms(4 * n));
                           machine.user(ms(1));
                       }
                   })
            ->set_parameters(Policy::fifo, 5, 0);
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(worst.ns < 200'000);
}

TEST_CASE("no wake-up is lost between CPUs") {
    const int seed = GENERATE(range(0, 1000));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 3});
    sched::WaitQueue full, empty;
    int items = 0, taken = 0;
    constexpr int rounds = 40;
    for (int i = 0; i < 2; ++i) {
        machine.spawn("producer", [&] {
            for (int n = 0; n < rounds; ++n) {
                (void)full.wait_until([&] { return items < 2; });
                if (items < 2) ++items;
                empty.wake_all();
                if (machine.random().one_in(4)) machine.user(some(machine, 20'000));
            }
        });
        machine.spawn("consumer", [&] {
            while (taken < rounds) {
                (void)empty.wait_until([&] { return items > 0 || taken >= rounds; });
                if (items > 0) --items, ++taken;
                full.wake_all();
                if (taken >= rounds) empty.wake_all();
                if (machine.random().one_in(4)) machine.user(some(machine, 20'000));
            }
            // The producers may have more than is wanted.
            items = -1000;
            full.wake_all();
        });
    }
    INFO("seed " << seed);
    CHECK(machine.run());
}

TEST_CASE("a mutex has one owner on any number of CPUs") {
    const int seed = GENERATE(range(0, 500));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 4});
    sched::Mutex mutex;
    int inside = 0, worst = 0, entries = 0;
    for (int i = 0; i < 5; ++i)
        machine.spawn("t" + std::to_string(i), [&] {
            for (int n = 0; n < 10; ++n) {
                mutex.lock();
                worst = std::max(worst, ++inside);
                ++entries;
                machine.kernel(some(machine, 3'000));
                --inside;
                mutex.unlock();
                if (machine.random().one_in(3)) machine.user(some(machine, 5'000));
            }
        });
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(worst == 1);
    CHECK(entries == 50);
}

TEST_CASE("a posted signal ends a wait, and a program on another CPU is interrupted") {
    const int seed = GENERATE(range(0, 500));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 2});
    Nanos posted{0}, seen{0};
    auto program = machine.spawn("program", [&] {
        if (machine.random().one_in(2)) {
            sched::WaitQueue never;
            (void)never.wait_until([] { return false; });
        } else {
            while (!sched::current().has_interrupt()) machine.user(ms(5));
        }
        seen = time::now();
    });
    machine.spawn("sender", [&] {
        machine.user(some(machine, 8'000'000));
        posted = time::now();
        program->post_work(sched::work_signal);
    });
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(seen - posted < ms(6));
}

TEST_CASE("every CPU lets go of an address space, and answers when all are called") {
    const int seed = GENERATE(range(0, 100));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed), .cpus = 4});
    static std::array<mm::AddressSpace*, 4> active;
    active.fill(nullptr);
    sched::install_address_space_switch([](mm::AddressSpace* s) { active[here()] = s; });
    char memory;
    auto* space = reinterpret_cast<mm::AddressSpace*>(&memory);
    for (std::uint32_t i = 0; i < 3; ++i) {
        auto t = machine.spawn("user", [&] { machine.user(ms(5)); });
        t->address_space = space;
        t->set_affinity(only(i + 1));
    }
    machine.spawn("owner", [&] {
        (void)sched::sleep_until(ms(20));
        CHECK(active[1] == space);
        sched::forget_address_space(*space);
        for (mm::AddressSpace* s : active) CHECK(s == nullptr);
        sched::synchronize_cpus();
    });
    INFO("seed " << seed);
    CHECK(machine.run());
    sched::install_address_space_switch(nullptr);
}

TEST_CASE("the checkers of several CPUs see what they are there for") {
    sim::Machine machine({.cpus = 2});
    auto t = machine.spawn("lost", [] {});
    sched::Cpu& cpu = *t->cpu;
    CHECK(machine.check_cpus().empty());
    cpu.queue.dequeue(*t, time::now());
    CHECK(machine.check_cpus() == "lost is runnable and on 0 queues");
    cpu.queue.enqueue(*t, time::now());
    CHECK(machine.run());
}
