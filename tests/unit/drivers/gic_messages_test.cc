// SPDX-License-Identifier: BSD-2-Clause
// Messages: the frame of a GICv2m, and an ITS that carries out its commands.
#include <catch2/catch.hpp>

#include <drupe/arch/gic_cpu_interface.h>
#include <drupe/drivers/gic_its.h>
#include <support/register_file.h>
#include <support/test_memory.h>

#include <map>

using namespace drupe;
using drivers::GicIts;
using drivers::GicV3;

namespace {

struct FakeCpuInterface final : arch::host::GicCpuInterface {
    std::uint64_t id = 0;
    FakeCpuInterface() { attached = this; }
    ~FakeCpuInterface() { attached = nullptr; }
    std::uint64_t affinity() override { return id; }
    bool enable_system_registers() override { return true; }
    void enable_group1() override {}
    std::uint32_t acknowledge() override { return 8200; }
    void end(std::uint32_t) override {}
    void send_sgi(std::uint64_t) override {}
};

/// Two redistributors, a distributor, and a translation service that reads its queue.
struct FakeGic {
    static constexpr std::size_t frame = 0x20000;
    FakeCpuInterface cpu;
    test::RegisterFile distributor{0x10000}, redistributors{2 * frame}, its{0x20000};
    GicV3 chip{distributor.base(), regions(), 0};
    GicIts service{its.base(), PhysAddr{0x8080000}, chip};
    struct Event {
        std::uint64_t number, collection;
    };
    std::map<std::uint64_t, std::uint64_t> devices;     // to the number of its events
    std::map<std::uint64_t, std::uint64_t> collections; // to the CPU
    std::map<std::pair<std::uint64_t, std::uint64_t>, Event> events;
    std::vector<std::uint64_t> synchronised;
    bool stalls = false;

    std::span<const GicV3::Redistributors> regions() {
        static GicV3::Redistributors all[1];
        all[0] = {redistributors.base(), 2 * frame, PhysAddr{0x80a0000}};
        return all;
    }
    FakeGic() {
        distributor.words[4] = 1 | 1 << 17;
        redistributors.words[frame + 8] = 1 << 4 | 1 << 8; // the last; processor 1
        redistributors.words[frame + 12] = 1;
        its.on_read[0] = [this] { return its.words[0] | 1u << 31; }; // quiescent
        its.words[8] = 1 | 11 << 4 | 15 << 13; // physical LPIs, events of 12 bytes, 16 bits
        its.words[0x104] = 1 << 24 | 7 << 16, its.words[0x10c] = 4 << 24 | 7 << 16;
        for (std::size_t at : {0x104u, 0x10cu})
            its.on_write[at] = [this, at](std::uint32_t v) {
                its.words[at] = (its.words[at] & 0x071f0000) | (v & ~0x071f0000u);
            };
        its.on_write[0x88] = [this](std::uint32_t end) { work(end); };
        REQUIRE(chip.init_cpu().ok());
    }
    std::uint64_t base(std::size_t at) {
        return (its.words[at] | std::uint64_t{its.words[at + 4]} << 32) & 0xf'ffff'ffff'f000;
    }
    void work(std::uint32_t end) {
        its.words[0x88] = end;
        if (stalls) return static_cast<void>(its.words[0x90] |= 1);
        for (std::uint32_t& at = its.words[0x90]; at != end; at = (at + 32) % 4096) {
            std::uint64_t w[4];
            std::memcpy(w, static_cast<char*>(mm::phys_to_virt(PhysAddr{base(0x80)})) + at, 32);
            carry_out(w);
        }
    }
    void carry_out(const std::uint64_t (&w)[4]) {
        const std::uint64_t device = w[0] >> 32, event = w[1] & 0xffffffff;
        switch (w[0] & 0xff) {
        case 0x8: // MAPD
            CHECK(w[2] >> 63 == 1);
            CHECK((w[2] & 0xff) == 0);
            devices[device] = 1ull << ((w[1] & 31) + 1);
            break;
        case 0x9: // MAPC
            CHECK(w[2] >> 63 == 1);
            CHECK(collections.count(w[2] & 0xffff) == 0);
            collections[w[2] & 0xffff] = w[2] >> 16 & 0xffff;
            break;
        case 0xa: // MAPTI
            REQUIRE(devices.count(device) == 1);
            CHECK(event < devices[device]);
            CHECK(collections.count(w[2] & 0xffff) == 1);
            events[{device, event}] = {w[1] >> 32, w[2] & 0xffff};
            break;
        case 0x1: // MOVI
            REQUIRE(events.count({device, event}) == 1);
            CHECK(collections.count(w[2] & 0xffff) == 1);
            events[{device, event}].collection = w[2] & 0xffff;
            break;
        case 0xc: CHECK(events.count({device, event}) == 1); break; // INV
        case 0x5: synchronised.push_back(w[2] >> 16 & 0xffff); break;
        default: FAIL("no command");
        }
    }
};

} // namespace

TEST_CASE("ITS: nothing happens until a device asks; then an event is an LPI of the first CPU") {
    testing::TestMemory memory(1024);
    FakeGic fake;
    CHECK(fake.its.writes.empty());
    REQUIRE(fake.service.add_device(0x10, 3).ok());
    CHECK(fake.its.words[0] == 1);
    CHECK(fake.devices[0x10] == 4);
    CHECK(fake.collections[0] == 0);
    CHECK((fake.redistributors.words[0] & 1) == 1);
    CHECK((fake.redistributors.words[0x70] & 0x1f) == 13);
    CHECK((fake.redistributors.words[0x78] & 0xf000) == 0); // aligned to 64 KiB
    for (unsigned i = 0; i < 3; i++) {
        const irq::Message message = fake.service.allocate(0x10, i).value();
        CHECK(raw(message.address) == 0x8080000 + 0x10040);
        CHECK(message.data == i);
        CHECK(message.number == irq::IrqNumber{8192 + i});
        CHECK(fake.events[{0x10, i}].number == 8192 + i);
        CHECK(fake.events[{0x10, i}].collection == 0);
        const PhysAddr settings{(fake.redistributors.words[0x70] |
                                 std::uint64_t{fake.redistributors.words[0x74]} << 32) &
                                ~0xfffull & 0xf'ffff'ffff'ffff};
        CHECK(static_cast<std::uint8_t*>(mm::phys_to_virt(settings))[i] == 0xa1); // on
    }
    CHECK(fake.chip.configure(irq::IrqNumber{8192}, irq::Trigger::edge).ok());
    CHECK(fake.chip.acknowledge() == irq::IrqNumber{8200});
    CHECK(fake.its.wrong_accesses + fake.redistributors.wrong_accesses == 0);
}

TEST_CASE("ITS: a CPU that comes later gets its collection, and events can be moved to it") {
    testing::TestMemory memory(1024);
    FakeGic fake;
    REQUIRE(fake.service.add_device(0x10, 1).ok());
    REQUIRE(fake.service.allocate(0x10, 0).ok());
    fake.cpu.id = 1;
    REQUIRE(fake.chip.init_cpu().ok());
    CHECK(fake.collections[1] == 1);
    CHECK((fake.redistributors.words[FakeGic::frame] & 1) == 1);
    fake.chip.route(irq::IrqNumber{8192}, 1);
    CHECK(fake.events[{0x10, 0}].collection == 1);
    CHECK(fake.synchronised.back() == 1);
}

TEST_CASE("ITS: what it cannot do is an error") {
    testing::TestMemory memory(1024);
    FakeGic fake;
    const unsigned what = GENERATE(range(0u, 3u));
    if (what == 0) fake.distributor.words[4] = 1;    // no LPIs
    if (what == 1) fake.redistributors.words[0] = 1; // firmware's
    if (what == 2) fake.stalls = true;
    CHECK(fake.service.add_device(0x10, 1).error() == (what == 2 ? Errc::io : Errc::not_supported));
    CHECK(fake.service.add_device(0x11, 1).error() == Errc::not_supported); // not asked again
}

TEST_CASE("ITS: numbers beyond the tables are refused") {
    testing::TestMemory memory(1024);
    FakeGic fake;
    CHECK(fake.service.add_device(0xffff, 1).error() == Errc::not_supported);
    CHECK(fake.service.add_device(1, GicIts::max_messages + 1).error() == Errc::not_supported);
    REQUIRE(fake.service.add_device(1, 2).ok());
    for (unsigned i = 0; i < GicIts::lpi_count; i++) REQUIRE(fake.service.allocate(1, i % 2).ok());
    CHECK(fake.service.allocate(1, 0).error() == Errc::no_space);
}

TEST_CASE("GICv2m: messages are shared interrupts, as many as the frame has") {
    test::RegisterFile registers{0x1000};
    static test::RegisterFile* at;
    at = &registers;
    registers.words[8] = 80 << 16 | 2;
    drivers::DeviceNode node{};
    node.compatible = "arm,gic-v2m-frame";
    node.regions[0] = {PhysAddr{0x8020000}, 0x1000};
    node.region_count = 1;
    const drivers::Driver* const driver = drivers::find_driver(node);
    REQUIRE(driver);
    const auto map = [](PhysAddr, std::uint64_t) -> Result<volatile void*> { return at->base(); };
    auto device = driver->probe(node, map);
    REQUIRE(device.ok());
    irq::MessageController* const frame = irq::message_controller(0);
    REQUIRE(frame);
    for (std::uint32_t n : {80u, 81u}) {
        const irq::Message message = frame->allocate(8, n).value();
        CHECK(raw(message.address) == 0x8020040);
        CHECK(message.data == n);
        CHECK(message.number == irq::IrqNumber{n});
    }
    CHECK(frame->allocate(8, 2).error() == Errc::no_space);
    static_cast<void>(std::move(device).value().leak()); // the registry has it
    registers.words[8] = 1000 << 16 | 64;
    CHECK(driver->probe(node, map).error() == Errc::invalid);
}
