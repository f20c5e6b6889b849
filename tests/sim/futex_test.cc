// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/host/machine.h>
#include <drupe/arch/user_access.h>
#include <drupe/sched/futex.h>
#include <drupe/sched/wait_queue.h>
#include <sim/machine.h>

#include <string>

using namespace drupe;
using namespace drupe::sched;

namespace {

constexpr Nanos us(std::int64_t n) { return {n * 1000}; }

/// A page of a program's memory, absent until it is touched where a fault may be served.
struct Memory {
    static constexpr std::uint64_t base = 0x10000;
    std::uint32_t words[16] = {};
    Memory() {
        the = this;
        arch::host::set_user_window(base, words, sizeof words);
    }
    ~Memory() {
        arch::host::clear_user_window();
        arch::host::on_user_fault = nullptr;
    }
    void page_out() {
        arch::host::set_user_window(base, words, 0);
        arch::host::on_user_fault = [](std::uint64_t address, bool) {
            if (current().user_faults_off != 0) return false;
            if (address < base || address >= base + sizeof the->words) return false;
            CHECK(lockdep::held_count() == 0);
            ++the->faults;
            arch::host::set_user_window(base, the->words, sizeof the->words);
            return true;
        };
    }
    VirtAddr at(unsigned i) const { return VirtAddr{base + i * 4}; }
    FutexKey key(unsigned i) const { return {this, base + i * 4}; }
    Result<void> wait(unsigned i, std::uint32_t value, Nanos deadline = Nanos::never(),
                      std::uint32_t bits = futex_any) {
        if (deadline == Nanos::never()) return futex_wait_endless(key(i), {at(i), value}, bits);
        return futex_wait(key(i), {at(i), value}, bits, deadline);
    }
    int faults = 0;
    static inline Memory* the = nullptr;
};

} // namespace

TEST_CASE("a futex wait with another value in the word does not sleep") {
    sim::Machine machine;
    Memory memory;
    machine.spawn("t", [&] { CHECK(memory.wait(0, 1).error() == Errc::would_block); });
    CHECK(machine.run());
}

TEST_CASE("futex waiters are woken in order, as many as asked for, by matching bits") {
    sim::Machine machine;
    Memory memory;
    std::string order;
    const std::uint32_t bits[] = {1, 2, 3, 1};
    for (int i = 0; i < 4; ++i)
        machine.spawn("t", [&, i] {
            CHECK(memory.wait(0, 0, Nanos::never(), bits[i]).ok());
            order += static_cast<char>('a' + i);
        });
    machine.interrupt_at(us(1), [&] { CHECK(futex_wake(memory.key(1), 9) == 0); });
    machine.interrupt_at(us(2), [&] { CHECK(futex_wake(memory.key(0), 1, 2) == 1); });
    machine.interrupt_at(us(3), [&] { CHECK(futex_wake(memory.key(0), 2, 1) == 2); });
    machine.interrupt_at(us(4), [&] { CHECK(futex_wake(memory.key(0), 9) == 1); });
    CHECK(machine.run());
    CHECK(order == "bacd");
}

TEST_CASE("a futex wait ends by its deadline or by a signal") {
    sim::Machine machine;
    Memory memory;
    machine.spawn("late", [&] {
        CHECK(memory.wait(0, 0, us(50)).error() == Errc::timed_out);
        CHECK(time::now() >= us(50));
        CHECK(memory.wait(0, 0, us(50)).error() == Errc::timed_out);
    });
    auto t = machine.spawn("signalled", [&] { CHECK(memory.wait(0, 0).error() == Errc::restart); });
    machine.interrupt_at(us(10), [&] { t->post_work(work_signal); });
    CHECK(machine.run());
    CHECK(futex_wake(memory.key(0), 9) == 0);
}

TEST_CASE("a futex wait on an absent page brings it in without a lock held") {
    sim::Machine machine;
    Memory memory;
    memory.page_out();
    machine.spawn("t", [&] {
        CHECK(memory.wait(3, 0).ok());
        CHECK(memory.faults == 1);
        CHECK(futex_wait({&memory, 0}, {VirtAddr{0x20000}, 0}, futex_any, Nanos::never()).error() ==
              Errc::fault);
    });
    machine.interrupt_at(us(1), [&] { CHECK(futex_wake(memory.key(3), 1) == 1); });
    CHECK(machine.run());
}

TEST_CASE("requeued waiters wait for the other word") {
    sim::Machine machine;
    Memory memory;
    int woken = 0;
    for (int i = 0; i < 5; ++i)
        machine.spawn("t", [&] {
            CHECK(memory.wait(0, 0).ok());
            ++woken;
        });
    machine.spawn("requeuer", [&] {
        (void)sleep_until(us(10));
        const FutexExpectation wrong{memory.at(0), 7}, right{memory.at(0), 0};
        CHECK(futex_requeue({memory.key(0), memory.key(1), 1, 2, &wrong}).error() ==
              Errc::would_block);
        memory.page_out();
        const auto r = futex_requeue({memory.key(0), memory.key(1), 1, 2, &right});
        REQUIRE(r.ok());
        CHECK(memory.faults == 1);
        CHECK(r.value().woken == 1);
        CHECK(r.value().moved == 2);
        CHECK(futex_wake(memory.key(0), 9) == 2);
        (void)sleep_until(us(20));
        CHECK(woken == 3);
        CHECK(futex_wake(memory.key(0), 9) == 0);
        CHECK(futex_wake(memory.key(1), 9) == 2);
    });
    CHECK(machine.run());
    CHECK(woken == 5);
}

TEST_CASE("a requeued waiter can still time out") {
    sim::Machine machine;
    Memory memory;
    machine.spawn("t", [&] { CHECK(memory.wait(0, 0, us(30)).error() == Errc::timed_out); });
    machine.interrupt_at(us(5), [&] {
        CHECK(futex_requeue({memory.key(0), memory.key(1), 0, 9}).value().moved == 1);
    });
    CHECK(machine.run());
    CHECK(futex_wake(memory.key(1), 9) == 0);
}

// The classic lock of three states (0 free, 1 held, 2 held and waited for), as C libraries have it.
TEST_CASE("a lock built on a futex excludes and loses nobody") {
    const int seed = GENERATE(range(0, 200));
    sim::Machine machine({.seed = static_cast<std::uint64_t>(seed)});
    Memory memory;
    sim::Random& random = machine.random();
    auto pause = [&](std::uint64_t most) {
        machine.user(Nanos{static_cast<std::int64_t>(random.below(most))});
    };
    auto exchange = [&](std::uint32_t value) { return std::exchange(memory.words[0], value); };
    int inside = 0, entered = 0;
    for (int i = 0; i < 4; ++i)
        machine.spawn("t", [&] {
            for (int n = 0; n < 15; ++n) {
                if (memory.words[0] == 0) {
                    exchange(1);
                } else {
                    pause(200);
                    while (exchange(2) != 0) {
                        pause(200); // the lock may be released just now
                        const Nanos deadline =
                            random.one_in(4) ? time::now() + us(5) : Nanos::never();
                        (void)memory.wait(0, 2, deadline);
                    }
                }
                REQUIRE(++inside == 1);
                ++entered;
                pause(3'000'000 / (1 + random.below(1000)));
                --inside;
                const bool contended = exchange(0) == 2;
                pause(200);
                if (contended) futex_wake(memory.key(0), 1);
                pause(2000);
            }
        });
    INFO("seed " << seed);
    CHECK(machine.run());
    CHECK(entered == 60);
}
