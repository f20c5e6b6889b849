// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/gic_cpu_interface.h>
#include <drupe/drivers/gicv3.h>
#include <support/register_file.h>

#include <deque>
#include <memory>
#include <vector>

using namespace drupe;
using drivers::GicV3;
using irq::IrqNumber;
using irq::Trigger;

namespace {

struct FakeCpuInterface final : arch::host::GicCpuInterface {
    std::uint64_t id = 0;
    bool offered = true;
    bool enabled = false;
    std::deque<std::uint32_t> pending;
    std::vector<std::uint32_t> ended;
    std::vector<std::uint64_t> sent;
    FakeCpuInterface() { attached = this; }
    ~FakeCpuInterface() { attached = nullptr; }

    std::uint64_t affinity() override { return id; }
    bool enable_system_registers() override { return offered; }
    void enable_group1() override { enabled = true; }
    std::uint32_t acknowledge() override {
        if (pending.empty()) return 1023;
        const std::uint32_t v = pending.front();
        pending.pop_front();
        return v;
    }
    void end(std::uint32_t intid) override { ended.push_back(intid); }
    void send_sgi(std::uint64_t value) override { sent.push_back(value); }
};

constexpr std::size_t frame = 0x20000;

/// Redistributors one behind another in a region, asleep until woken.
struct FakeRegion {
    test::RegisterFile registers;
    FakeRegion(std::vector<std::uint32_t> affinities, std::size_t stride, std::uint32_t type_bits)
        : registers(affinities.size() * stride) {
        for (std::size_t i = 0; i < affinities.size(); i++) {
            const std::size_t at = i * stride;
            registers.words[at + 8] = type_bits | (i + 1 == affinities.size() ? 1u << 4 : 0);
            registers.words[at + 12] = affinities[i];
            registers.words[at + 0x14] = 6; // ProcessorSleep, ChildrenAsleep
            registers.on_write[at + 0x14] = [this, at](std::uint32_t v) {
                registers.words[at + 0x14] = (v & 2) ? 6 : 0;
            };
        }
    }
    GicV3::Redistributors region(std::size_t bytes) { return {registers.base(), bytes}; }
};

struct FakeDistributor {
    test::RegisterFile registers{0x10000};
    FakeDistributor() { registers.words[4] = 1; } // 64 interrupts
};

} // namespace

TEST_CASE("GICv3: a CPU finds its redistributor by affinity, wakes it and turns private ones off") {
    FakeCpuInterface cpu;
    FakeDistributor d;
    FakeRegion region({0, 1, 0x100, 0x2000101}, frame, 0);
    const GicV3::Redistributors regions[] = {region.region(4 * frame)};
    GicV3 gic(d.registers.base(), regions, 0);
    cpu.id = 0x2'0000'0101; // Aff3 lies apart in MPIDR
    REQUIRE(gic.init_cpu().ok());
    auto& words = region.registers.words;
    const std::size_t mine = 3 * frame;
    CHECK(words[mine + 0x14] == 0);
    CHECK(words[0x14] == 6);
    CHECK(words[mine + 0x10080] == ~0u);    // group 1
    CHECK(words[mine + 0x10180] == ~0u);    // all off
    CHECK(words[mine + 0x10100] == 0xffff); // software interrupts on
    CHECK(words[mine + 0x1041c] == 0xa0a0a0a0);
    CHECK(d.registers.words[0] == 0x13);
    CHECK(d.registers.words[0x184] == ~0u);
    CHECK(cpu.enabled);
    CHECK(region.registers.wrong_accesses + d.registers.wrong_accesses == 0);
}

TEST_CASE("GICv3: redistributors in several regions, with virtual LPI frames or a given stride") {
    FakeCpuInterface cpu;
    FakeDistributor d;
    FakeRegion first({0, 1}, 2 * frame, 2), second({2, 3}, 2 * frame, 2);
    const GicV3::Redistributors regions[] = {first.region(4 * frame), second.region(4 * frame)};
    cpu.id = 3;
    REQUIRE(GicV3(d.registers.base(), regions, 0).init_cpu().ok());
    CHECK(second.registers.words[2 * frame + 0x14] == 0);
    FakeRegion wide({0, 1}, 4 * frame, 0);
    const GicV3::Redistributors one[] = {wide.region(8 * frame)};
    cpu.id = 1;
    REQUIRE(GicV3(d.registers.base(), one, 4 * frame).init_cpu().ok());
    CHECK(wide.registers.words[4 * frame + 0x14] == 0);
}

TEST_CASE("GICv3: what is not there is an error") {
    FakeCpuInterface cpu;
    FakeDistributor d;
    FakeRegion region({0, 1}, frame, 0);
    const GicV3::Redistributors regions[] = {region.region(2 * frame)};
    GicV3 gic(d.registers.base(), regions, 0);
    cpu.id = 7;
    CHECK(gic.init_cpu().error() == Errc::no_device);
    cpu.id = 0;
    cpu.offered = false;
    CHECK(gic.init_cpu().error() == Errc::not_supported);
    cpu.offered = true;
    region.registers.on_write[0x14] = [](std::uint32_t) {}; // does not wake
    CHECK(gic.init_cpu().error() == Errc::io);
    // A region cut short in the middle of a frame is not read beyond its end.
    const GicV3::Redistributors cut[] = {region.region(frame + frame / 2)};
    cpu.id = 1;
    CHECK(GicV3(d.registers.base(), cut, 0).init_cpu().error() == Errc::no_device);
}

TEST_CASE("GICv3: shared interrupts are set in the distributor, private ones in the own frame") {
    FakeCpuInterface cpu;
    FakeDistributor d;
    FakeRegion region({0, 1}, frame, 0);
    const GicV3::Redistributors regions[] = {region.region(2 * frame)};
    GicV3 gic(d.registers.base(), regions, 0);
    REQUIRE(gic.init_cpu().ok());
    cpu.id = 1;
    REQUIRE(gic.init_cpu().ok());
    REQUIRE(gic.configure(IrqNumber{40}, Trigger::edge).ok());
    auto& words = d.registers.words;
    CHECK(words[0x84] == 1u << 8);
    CHECK(words[0x428] == 0xa0);
    CHECK(words[0xc08] == 2u << 16);
    REQUIRE(d.registers.wrote(0x6000 + 40 * 8));
    CHECK(words[0x6000 + 40 * 8] == 0); // routed to the first CPU
    gic.unmask(IrqNumber{40});
    CHECK(words[0x104] == 1u << 8);
    REQUIRE(gic.configure(IrqNumber{27}, Trigger::level).ok());
    gic.unmask(IrqNumber{27});
    CHECK(region.registers.words[frame + 0x10100] == 1u << 27);
    CHECK(region.registers.words[0x10100] == 0xffff);
    gic.mask(IrqNumber{27});
    CHECK(region.registers.words[frame + 0x10180] == 1u << 27);
    CHECK(gic.configure(IrqNumber{15}, Trigger::edge).error() == Errc::invalid);
    CHECK(gic.configure(IrqNumber{64}, Trigger::edge).error() == Errc::invalid);
}

TEST_CASE("GICv3: acknowledge, end and software interrupts go through the CPU interface") {
    FakeCpuInterface cpu;
    FakeDistributor d;
    FakeRegion region({0, 0x3020115}, frame, 0);
    const GicV3::Redistributors regions[] = {region.region(2 * frame)};
    GicV3 gic(d.registers.base(), regions, 0);
    REQUIRE(gic.init_cpu().ok());
    cpu.id = 0x3'0002'0115;
    REQUIRE(gic.init_cpu().ok());
    cpu.pending = {33};
    CHECK(gic.acknowledge() == IrqNumber{33});
    gic.end(IrqNumber{33});
    CHECK(cpu.ended == std::vector<std::uint32_t>{33});
    CHECK(gic.acknowledge() == irq::no_interrupt);
    gic.send_ipi(0, IrqNumber{2});
    gic.send_ipi(1, IrqNumber{15});
    REQUIRE(cpu.sent.size() == 2);
    CHECK(cpu.sent[0] == (2ull << 24 | 1));
    // Aff3=3, RS=1 (Aff0 is 0x15), Aff2=2, INTID 15, Aff1=1, bit 5
    CHECK(cpu.sent[1] ==
          (3ull << 48 | 1ull << 44 | 2ull << 32 | 15ull << 24 | 1ull << 16 | 1 << 5));
}
