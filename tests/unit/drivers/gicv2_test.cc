// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/drivers/gicv2.h>
#include <support/register_file.h>

#include <deque>
#include <set>

using namespace drupe;
using irq::IrqNumber;
using irq::Trigger;

namespace {

/// The parts of a GICv2 that the driver can tell from plain memory.
struct FakeGic {
    test::RegisterFile distributor{0x1000}, cpu{0x2000};
    std::set<std::uint32_t> enabled;
    std::deque<std::uint32_t> pending; // values of GICC_IAR
    std::vector<std::uint32_t> ended;

    FakeGic() {
        distributor.words[4] = 2; // GICD_TYPER: 96 interrupts
        for (std::uint32_t i = 0; i < 3; i++) {
            distributor.on_write[0x100 + i * 4] = [this, i](std::uint32_t v) { each(i, v, true); };
            distributor.on_write[0x180 + i * 4] = [this, i](std::uint32_t v) { each(i, v, false); };
        }
        for (std::size_t t = 0; t < 8; t++)
            distributor.on_read[0x800 + t * 4] = [] { return 0x04040404u; }; // we are interface 2
        cpu.on_read[0xc] = [this] {
            if (pending.empty()) return 1023u;
            const std::uint32_t v = pending.front();
            pending.pop_front();
            return v;
        };
        cpu.on_write[0x10] = [this](std::uint32_t v) { ended.push_back(v); };
        for (std::uint32_t id = 0; id < 96; id += 3) enabled.insert(id); // firmware left some on
    }
    void each(std::uint32_t word, std::uint32_t bits, bool on) {
        for (std::uint32_t b = 0; b < 32; b++) {
            if ((bits >> b & 1) == 0) continue;
            if (on)
                enabled.insert(word * 32 + b);
            else
                enabled.erase(word * 32 + b);
        }
    }
};

} // namespace

TEST_CASE("GICv2: after initialisation only software interrupts are on") {
    FakeGic fake;
    drivers::GicV2 gic(fake.distributor.base(), fake.cpu.base());
    REQUIRE(gic.init_cpu().ok());
    CHECK(fake.enabled.size() == 16);
    CHECK(*fake.enabled.rbegin() == 15);
    CHECK((fake.distributor.words[0] & 1) == 1);
    CHECK((fake.cpu.words[0] & 1) == 1);
    CHECK(fake.cpu.words[4] == 0xff);
    CHECK(fake.distributor.words[0x400] == 0xa0a0a0a0);
    CHECK(fake.distributor.wrong_accesses + fake.cpu.wrong_accesses == 0);
}

TEST_CASE("GICv2: configuring touches one interrupt's fields and no neighbour's") {
    FakeGic fake;
    drivers::GicV2 gic(fake.distributor.base(), fake.cpu.base());
    REQUIRE(gic.init_cpu().ok());
    auto& words = fake.distributor.words;
    words[0x420] = 0x11223344, words[0x820] = 0x01010101, words[0xc08] = 0x5555'5555;
    REQUIRE(gic.configure(IrqNumber{33}, Trigger::edge).ok());
    CHECK(words[0x420] == 0x1122a044);
    CHECK(words[0x820] == 0x01010401);
    CHECK(words[0xc08] == 0x5555'5559);
    REQUIRE(gic.configure(IrqNumber{33}, Trigger::level).ok());
    CHECK(words[0xc08] == 0x5555'5551);
    CHECK_FALSE(fake.enabled.contains(33));
    gic.unmask(IrqNumber{33});
    CHECK(fake.enabled.contains(33));
    gic.mask(IrqNumber{33});
    CHECK_FALSE(fake.enabled.contains(33));
    words[0x818] = 7; // a private interrupt's targets are nobody's business
    REQUIRE(gic.configure(IrqNumber{27}, Trigger::level).ok());
    CHECK(words[0x818] == 7);
    CHECK(gic.configure(IrqNumber{3}, Trigger::edge).error() == Errc::invalid);
    CHECK(gic.configure(IrqNumber{96}, Trigger::edge).error() == Errc::invalid);
    CHECK(fake.distributor.wrong_accesses == 0);
}

TEST_CASE("GICv2: interrupts are acknowledged and ended, software ones with their sender") {
    FakeGic fake;
    drivers::GicV2 gic(fake.distributor.base(), fake.cpu.base());
    REQUIRE(gic.init_cpu().ok());
    fake.pending = {40, 5 | 3 << 10};
    const IrqNumber first = gic.acknowledge();
    CHECK(first == IrqNumber{40});
    CHECK(fake.ended.empty());
    gic.end(first);
    CHECK(fake.ended == std::vector<std::uint32_t>{40});
    const IrqNumber second = gic.acknowledge();
    CHECK(second == IrqNumber{5});
    gic.end(second);
    CHECK(fake.ended == std::vector<std::uint32_t>{40, 5 | 3 << 10});
    CHECK(gic.acknowledge() == irq::no_interrupt);
    CHECK(fake.ended.size() == 2);
}

TEST_CASE("GICv2: a software interrupt goes to the interface the CPU found to be its own") {
    FakeGic fake;
    drivers::GicV2 gic(fake.distributor.base(), fake.cpu.base());
    REQUIRE(gic.init_cpu().ok());
    gic.send_ipi(0, IrqNumber{3});
    CHECK(fake.distributor.words[0xf00] == (4u << 16 | 3));
    CHECK_THROWS(gic.send_ipi(1, IrqNumber{3}));
    CHECK_THROWS(gic.send_ipi(0, IrqNumber{16}));
    for (std::size_t t = 0; t < 8; t++)
        fake.distributor.on_read[0x800 + t * 4] = [t] { return t == 3 ? 0x01000000u : 0u; };
    const auto before = fake.enabled;
    fake.enabled.insert(50);
    REQUIRE(gic.init_cpu().ok()); // the second CPU leaves the shared part alone
    CHECK(fake.enabled.contains(50));
    gic.send_ipi(1, IrqNumber{0});
    CHECK(fake.distributor.words[0xf00] == 1u << 16);
}
