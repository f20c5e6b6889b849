// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/host/machine.h>
#include <drupe/time/clock.h>
#include <drupe/time/timer.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

using namespace drupe;
using time::Timer;
namespace host = arch::host;

namespace {

/// A machine whose only interrupt is the timer's.
struct Clock {
    Clock() {
        host::reset();
        host::machine.on_interrupt = &time::on_timer_interrupt;
        time::init();
        time::on_timer_interrupt(); // forget what an earlier test had armed
    }
    ~Clock() { host::reset(); }
    void run_to(std::int64_t ns) {
        while (host::this_cpu().timer <= static_cast<std::uint64_t>(ns)) {
            host::machine.clock = std::max(host::machine.clock, host::this_cpu().timer);
            host::deliver_interrupts();
        }
        host::machine.clock = static_cast<std::uint64_t>(ns);
    }
};

struct Recorder : Timer {
    explicit Recorder(std::vector<Recorder*>& f) : Timer(&Recorder::act), fired(f) {}
    static void act(Timer& t) {
        auto& self = static_cast<Recorder&>(t);
        CHECK(time::now() >= self.deadline());
        self.fired.push_back(&self);
    }
    std::vector<Recorder*>& fired;
};

} // namespace

TEST_CASE("timers fire once, in order, not before their deadlines") {
    Clock clock;
    std::vector<Recorder*> fired;
    std::vector<std::unique_ptr<Recorder>> timers;
    std::mt19937 random(3);
    for (int i = 0; i < 200; ++i) {
        timers.push_back(std::make_unique<Recorder>(fired));
        timers.back()->arm(Nanos{1 + static_cast<std::int64_t>(random() % 10'000)});
    }
    clock.run_to(20'000);
    REQUIRE(fired.size() == 200);
    CHECK(std::is_sorted(fired.begin(), fired.end(), [](const Timer* a, const Timer* b) {
        return a->deadline() < b->deadline();
    }));
    CHECK_FALSE(timers[0]->is_armed());
}

TEST_CASE("a cancelled timer does not fire, and an armed one is cancelled by its end") {
    Clock clock;
    std::vector<Recorder*> fired;
    Recorder kept(fired), cancelled(fired);
    kept.arm({100});
    cancelled.arm({50});
    {
        Recorder destroyed(fired);
        destroyed.arm({60});
    }
    cancelled.cancel();
    cancelled.cancel();
    clock.run_to(200);
    CHECK(fired == std::vector<Recorder*>{&kept});
}

TEST_CASE("a timer armed again fires at the new time only") {
    Clock clock;
    std::vector<Recorder*> fired;
    Recorder timer(fired);
    timer.arm({100});
    timer.arm({300});
    clock.run_to(200);
    CHECK(fired.empty());
    clock.run_to(400);
    CHECK(fired.size() == 1);
    timer.arm({500});
    timer.arm(Nanos::never());
    CHECK_FALSE(timer.is_armed());
    clock.run_to(1000);
    CHECK(fired.size() == 1);
}

TEST_CASE("a deadline that has passed fires with the next interrupt") {
    Clock clock;
    clock.run_to(1000);
    std::vector<Recorder*> fired;
    Recorder timer(fired);
    timer.arm({10});
    host::deliver_interrupts();
    CHECK(fired.size() == 1);
}

TEST_CASE("an action may arm its timer again") {
    Clock clock;
    struct Periodic : Timer {
        Periodic()
            : Timer([](Timer& t) {
                  auto& self = static_cast<Periodic&>(t);
                  if (++self.count < 5) self.arm(self.deadline() + Nanos{100});
              }) {}
        int count = 0;
    } timer;
    timer.arm({100});
    clock.run_to(10'000);
    CHECK(timer.count == 5);
}

TEST_CASE("an action may cancel and destroy other timers") {
    Clock clock;
    std::vector<Recorder*> fired;
    static std::unique_ptr<Recorder> victim;
    victim = std::make_unique<Recorder>(fired);
    victim->arm({100});
    Timer killer([](Timer&) { victim.reset(); });
    killer.arm({100});
    Timer earlier_killer([](Timer&) { victim.reset(); });
    earlier_killer.arm({99});
    clock.run_to(1000);
    CHECK(fired.empty());
}

TEST_CASE("the hardware is programmed for the earliest deadline only, and no more than needed") {
    Clock clock;
    std::vector<Recorder*> fired;
    Recorder late(fired), early(fired);
    late.arm({5000});
    const auto programmed = host::this_cpu().timer;
    CHECK(programmed >= 5000);
    early.arm({1000});
    CHECK(host::this_cpu().timer < programmed);
    early.cancel();
    CHECK(host::this_cpu().timer < programmed); // left alone
    clock.run_to(2000);
    CHECK(fired.empty());
    CHECK(host::this_cpu().timer == programmed);
    late.cancel();
    clock.run_to(6000);
    CHECK(host::this_cpu().timer == UINT64_MAX);
}
