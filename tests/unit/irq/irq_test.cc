// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/irq/irq_chip.h>
#include <drupe/sync/cpu_core.h>

#include <deque>
#include <set>
#include <vector>

using namespace drupe;
using irq::IrqNumber;

namespace {

struct FakeChip final : irq::IrqChip {
    std::set<std::uint32_t> on;
    std::deque<IrqNumber> pending;
    std::vector<std::uint32_t> ended;
    const char* name() const override { return "fake"; }
    Result<void> init_cpu() override { return {}; }
    Result<void> configure(IrqNumber n, irq::Trigger) override {
        if (static_cast<std::uint32_t>(n) == 900) return Errc::invalid;
        return {};
    }
    void mask(IrqNumber n) override { on.erase(static_cast<std::uint32_t>(n)); }
    void unmask(IrqNumber n) override { on.insert(static_cast<std::uint32_t>(n)); }
    IrqNumber acknowledge() override {
        if (pending.empty()) return irq::no_interrupt;
        const IrqNumber n = pending.front();
        pending.pop_front();
        return n;
    }
    void end(IrqNumber n) override { ended.push_back(static_cast<std::uint32_t>(n)); }
    void send_ipi(std::uint32_t, IrqNumber) override {}
    std::vector<std::pair<std::uint32_t, std::uint32_t>> routed; // interrupt, CPU
    void route(IrqNumber n, std::uint32_t cpu) override {
        routed.emplace_back(static_cast<std::uint32_t>(n), cpu);
    }
};

FakeChip& chip() {
    static FakeChip fake;
    static const bool installed = (irq::install_chip(fake), true);
    static_cast<void>(installed);
    fake.ended.clear();
    return fake;
}

void count_call(void* context) { ++*static_cast<int*>(context); }

} // namespace

TEST_CASE("a chip is installed once") {
    FakeChip another;
    CHECK(&irq::chip() == static_cast<irq::IrqChip*>(&chip()));
    CHECK_THROWS(irq::install_chip(another));
}

TEST_CASE("everything pending is handled, counted and ended, in order") {
    FakeChip& fake = chip();
    static int first = 0, second = 0;
    REQUIRE(irq::attach(IrqNumber{40}, irq::Trigger::level, count_call, &first).ok());
    REQUIRE(irq::attach(IrqNumber{41}, irq::Trigger::edge, count_call, &second).ok());
    CHECK(fake.on.contains(40));
    fake.pending = {IrqNumber{40}, IrqNumber{41}, IrqNumber{40}};
    irq::dispatch();
    CHECK(first == 2);
    CHECK(second == 1);
    CHECK(fake.ended == std::vector<std::uint32_t>{40, 41, 40});
    const auto taken = [](IrqNumber irq) {
        for (std::size_t n = 0; n < irq::in_use(); ++n)
            if (irq::number_of(n) == irq) return static_cast<int>(irq::count(boot_cpu_core, n));
        return -1;
    };
    CHECK(taken(IrqNumber{40}) == 2);
    CHECK(taken(IrqNumber{42}) == -1);
}

TEST_CASE("a number can be attached once, and only if the chip has it") {
    chip();
    static int n = 0;
    REQUIRE(irq::attach(IrqNumber{50}, irq::Trigger::level, count_call, &n).ok());
    CHECK(irq::attach(IrqNumber{50}, irq::Trigger::level, count_call, &n).error() == Errc::busy);
    CHECK(irq::attach(IrqNumber{900}, irq::Trigger::level, count_call, &n).error() ==
          Errc::invalid);
    CHECK(irq::attach(IrqNumber{1024}, irq::Trigger::level, count_call, &n).error() ==
          Errc::invalid);
}

TEST_CASE("messages have numbers of their own, far above the others") {
    FakeChip& fake = chip();
    static int n = 0;
    const IrqNumber first{irq::first_message}, beyond{irq::first_message + interrupt_slots};
    REQUIRE(irq::attach(first, irq::Trigger::edge, count_call, &n).ok());
    CHECK(irq::attach(first, irq::Trigger::edge, count_call, &n).error() == Errc::busy);
    CHECK(irq::attach(beyond, irq::Trigger::edge, count_call, &n).error() == Errc::invalid);
    fake.pending = {first, beyond};
    irq::dispatch();
    CHECK(n == 1);
    CHECK(fake.ended == std::vector<std::uint32_t>{8192, 8192 + interrupt_slots});
}

TEST_CASE("an interrupt goes to its CPU when that has arrived") {
    FakeChip& fake = chip();
    static int n = 0;
    for (std::uint32_t cpu : {0u, 1u, 2u})
        REQUIRE(irq::attach(IrqNumber{70 + cpu}, irq::Trigger::edge, count_call, &n, cpu).ok());
    CHECK(fake.routed.empty());
    irq::cpu_arrived();
    CHECK(fake.routed == decltype(fake.routed){{71, 1}});
    REQUIRE(irq::attach(IrqNumber{73}, irq::Trigger::edge, count_call, &n, 1).ok());
    CHECK(fake.routed.back() == std::pair(73u, 1u));
    irq::cpu_arrived();
    CHECK(fake.routed.back() == std::pair(72u, 2u));
    CHECK(fake.routed.size() == 3);
}

TEST_CASE("an interrupt that nobody wants is masked and ended; a software one only ended") {
    FakeChip& fake = chip();
    fake.on = {60, 4};
    fake.pending = {IrqNumber{60}, IrqNumber{4}};
    irq::dispatch();
    CHECK_FALSE(fake.on.contains(60));
    CHECK(fake.on.contains(4));
    CHECK(fake.ended == std::vector<std::uint32_t>{60, 4});
}

TEST_CASE("software interrupts are attached without asking the chip; the table can run full") {
    FakeChip& fake = chip();
    static int n = 0;
    fake.on.clear();
    REQUIRE(irq::attach(IrqNumber{2}, irq::Trigger::edge, count_call, &n).ok());
    CHECK(fake.on.empty());
    Errc last = Errc::ok;
    for (std::uint32_t i = 100; i < 300 && last == Errc::ok; i++)
        last = irq::attach(IrqNumber{i}, irq::Trigger::level, count_call, &n).error();
    CHECK(last == Errc::no_memory);
}
