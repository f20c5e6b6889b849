// SPDX-License-Identifier: BSD-2-Clause
// The bus driver on a fake bus.
#include <catch2/catch.hpp>

#include <drupe/drivers/binder.h>
#include <drupe/drivers/pci.h>
#include <support/fake_pci.h>

#include <memory>

using namespace drupe;
using drivers::DeviceNode;
using test::FakeFunction;
using test::FakePci;

namespace {

constexpr std::uint64_t config_at = 0x30000000, io_at = 0x20000000, low_at = 0x10000000;
constexpr std::uint64_t high_at = 0x80'0000'0000;

struct FakeChip final : irq::IrqChip {
    const char* name() const override { return "fake"; }
    Result<void> init_cpu() override { return {}; }
    Result<void> configure(irq::IrqNumber, irq::Trigger) override { return {}; }
    void mask(irq::IrqNumber) override {}
    void unmask(irq::IrqNumber) override {}
    irq::IrqNumber acknowledge() override { return std::exchange(pending, irq::no_interrupt); }
    void end(irq::IrqNumber) override {}
    void send_ipi(std::uint32_t, irq::IrqNumber) override {}
    irq::IrqNumber pending = irq::no_interrupt;
} chip;

struct FakeMessages final : irq::MessageController {
    std::vector<std::pair<std::uint32_t, unsigned>> devices;
    std::uint32_t next = irq::first_message;
    Result<void> add_device(std::uint32_t device, unsigned count) override {
        devices.emplace_back(device, count);
        return {};
    }
    Result<irq::Message> allocate(std::uint32_t, unsigned index) override {
        return irq::Message{PhysAddr{0x1'0808'0040}, 7 + index, irq::IrqNumber{next++}};
    }
} messages;

/// What stands behind base addresses.
struct Memory final : arch::host::MmioWindow {
    Memory() : MmioWindow(0x1000) {}
    std::map<std::size_t, std::uint32_t> words;
    std::uint64_t read(std::size_t at, unsigned) override { return words[at]; }
    void write(std::size_t at, unsigned, std::uint64_t value) override {
        words[at] = static_cast<std::uint32_t>(value);
    }
};

struct Machine;
Machine* current = nullptr;

struct Machine {
    FakePci bus;
    test::FakeProperties properties;
    Memory memory;
    DeviceNode host{};
    unsigned maps = 0;
    std::vector<PhysAddr> mapped;
    std::vector<pci::Function*> found;

    explicit Machine(unsigned shift = 12) : bus(shift) {
        static const bool once = (irq::install_chip(chip), messages.handle = 9,
                                  irq::add_message_controller(messages), true);
        static_cast<void>(once);
        messages.devices.clear();
        host.name = "pci";
        host.compatible = shift == 12 ? "pci-host-ecam-generic" : "pci-host-cam-generic";
        host.regions[0] = {PhysAddr{config_at}, std::uint64_t{16} << (shift + 8)};
        host.region_count = 1;
        host.bus_cells = 2;
        host.source = &properties;
        properties.cells("ranges", {0x01000000, 0,    0,      0,    io_at,  0,    0x10000,   //
                                    0x02000000, 0,    low_at, 0,    low_at, 0,    0x8000000, //
                                    0x43000000, 0x80, 0,      0x80, 0,      0x80, 0});
        properties.cells("msi-map", {0, 9, 0x100, 0x10000});
    }
    DeviceNode::State scan() {
        current = this;
        drivers::Binder binder(map, [](OwnPtr<drivers::Device>) {});
        binder.emit(host);
        binder.finish();
        collect(host);
        return host.state;
    }
    void collect(const DeviceNode& parent) {
        for (const DeviceNode* n = drivers::first_child(parent); n; n = drivers::next_child(*n)) {
            found.push_back(n->function);
            collect(*n);
        }
    }
    static Result<volatile void*> map(PhysAddr at, std::uint64_t) {
        current->maps++;
        if (raw(at) >= config_at && raw(at) - config_at < current->host.regions[0].bytes)
            return static_cast<volatile char*>(current->bus.base()) + (raw(at) - config_at);
        current->mapped.push_back(at);
        return static_cast<volatile char*>(current->memory.base()) + (raw(at) & 0xfff);
    }
};

/// Nodes live for ever, and so do their hosts.
Machine* make(unsigned shift = 12) {
    static std::vector<std::unique_ptr<Machine>> all;
    return all.emplace_back(std::make_unique<Machine>(shift)).get();
}

void count_call(void* context) { ++*static_cast<int*>(context); }

} // namespace

TEST_CASE("PCI: an empty bus costs a look at each slot and no write") {
    Machine* const m = make();
    CHECK(m->scan() == DeviceNode::State::bound);
    CHECK(m->bus.reads == 32);
    CHECK(m->bus.writes == 0);
    CHECK(m->found.empty());
}

TEST_CASE("PCI: functions get addresses in the host's windows and decode nothing") {
    const unsigned shift = GENERATE(12u, 8u);
    Machine* const m = make(shift);
    FakeFunction& a = m->bus.functions.emplace_back(3u, 0u, 0x00011234u, 0x80u);
    FakeFunction& b = m->bus.functions.emplace_back(3u, 5u, 0x00021234u);
    m->bus.functions.emplace_back(4u, 1u, 0x00031234u); // no function 0: nothing is there
    a.words[1] = 7;                                     // as firmware left it
    a.bar(0, 0x20, 1);
    a.bar(1, 0x1000, 0);
    a.bar(4, 0x4000, 0xc);
    b.bar(0, 0x100000, 0);
    b.bar(5, 0x1000, 4); // wide, and there is no register behind
    CHECK(m->scan() == DeviceNode::State::bound);
    REQUIRE(m->found.size() == 2);
    CHECK(m->bus.wrong_accesses == 0);
    const pci::Function& f = *m->found[0];
    CHECK(m->found[0]->node().name == "00:03.0");
    CHECK(m->found[1]->node().name == "00:03.5");
    CHECK(m->found[0]->node().is("pci1234,0001"));
    CHECK((a.words[1] & 7) == 0);
    CHECK(raw(f.bar(0).at) == io_at + a.address(0));
    CHECK(a.address(0) >= 0x1000); // 0 means none
    CHECK(a.address(0) < 0x10000);
    CHECK(a.address(1) == raw(f.bar(1).at));
    CHECK(a.address(1) >= low_at);
    CHECK(a.address(4) == high_at);
    CHECK(raw(f.bar(4).at) == high_at);
    CHECK(b.address(0) % 0x100000 == 0);
    CHECK(b.address(0) > a.address(1));
    CHECK_FALSE(m->found[1]->bar(5).has_address);
}

TEST_CASE("PCI: what is mapped lies inside what is claimed, and is decoded from then on") {
    Machine* const m = make();
    FakeFunction& a = m->bus.functions.emplace_back(1u, 0u, 0x00011234u);
    a.bar(0, 0x1000, 0);
    a.bar(1, 0x10000000, 0); // more than the window has
    m->scan();
    pci::Function& f = *m->found.at(0);
    CHECK(f.map(0, 0x1000, 1, Machine::map).error() == Errc::not_found);
    CHECK(f.map(0, 0x800, 0x801, Machine::map).error() == Errc::not_found);
    CHECK(f.map(0, ~0ull, 2, Machine::map).error() == Errc::not_found);
    CHECK(f.map(1, 0, 16, Machine::map).error() == Errc::not_found);
    CHECK(f.map(7, 0, 16, Machine::map).error() == Errc::not_found);
    CHECK((a.words[1] & 7) == 0);
    CHECK(f.map(0, 0x800, 0x800, Machine::map).ok());
    CHECK((a.words[1] & 7) == 2);
    CHECK(m->mapped.back() == f.bar(0).at + 0x800);
    f.set_bus_master(true);
    CHECK((a.words[1] & 4) != 0);
    f.set_bus_master(false);
    CHECK((a.words[1] & 4) == 0);
}

TEST_CASE("PCI: bridges number their buses depth first and open just what is needed") {
    Machine* const m = make();
    FakeFunction& outer = m->bus.functions.emplace_back(2u, 0u, 0x00101234u, 1u);
    FakeFunction& inner = outer.behind.emplace_back(1u, 0u, 0x00111234u, 1u);
    FakeFunction& deep = inner.behind.emplace_back(6u, 0u, 0x00121234u);
    FakeFunction& empty = m->bus.functions.emplace_back(9u, 0u, 0x00131234u, 1u);
    deep.bar(0, 0x2000, 0);
    deep.bar(2, 0x4000, 0xc);
    deep.words[15] = 2u << 8; // INTB
    CHECK(m->scan() == DeviceNode::State::bound);
    CHECK(outer.words[6] == 0x020100);
    CHECK(inner.words[6] == 0x020201);
    CHECK(empty.words[6] == 0x030300);
    for (const FakeFunction* bridge : {&outer, &inner}) {
        const std::uint64_t from = std::uint64_t{bridge->words[8] & 0xfff0} << 16;
        const std::uint64_t to = (bridge->words[8] & 0xfff00000) | 0xfffff;
        CHECK(from <= deep.address(0));
        CHECK(to >= deep.address(0) + 0x1fff);
        CHECK((bridge->words[9] & 0xfff0fff0) == 0);
        CHECK(bridge->words[10] == 0x80);
        CHECK(bridge->words[11] == 0x80);
        CHECK((bridge->words[7] & 0xf0f0) == 0xf0); // no I/O
        CHECK((bridge->words[1] & 7) == 3);
    }
    CHECK(deep.address(2) == high_at);
    CHECK((empty.words[8] & 0xfff0fff0) == 0xfff0);
    pci::Function* f = m->bus.find(0x230) ? m->found.at(2) : nullptr;
    REQUIRE(f);
    f->set_bus_master(true);
    CHECK((outer.words[1] & inner.words[1] & deep.words[1] & 4) != 0);
    int calls = 0;
    REQUIRE(f->attach_line(count_call, &calls).ok());
    CHECK(m->properties.asked[0] == 2u << 11); // the outer bridge's slot
    CHECK(m->properties.asked[3] == (2 - 1 + 6 + 1) % 4 + 1);
    CHECK(f->start_messages(Machine::map).error() == Errc::not_supported); // bridges' numbers
}

TEST_CASE("PCI: what is settled is taken as found") {
    Machine* const m = make();
    m->properties.is_settled = true;
    FakeFunction& bridge = m->bus.functions.emplace_back(2u, 0u, 0x00101234u, 1u);
    bridge.words[6] = 0x070500;
    FakeFunction& a = bridge.behind.emplace_back(0u, 0u, 0x00111234u);
    a.bar(0, 0x1000, 0);
    a.bar(1, 0x1000, 0);
    a.bar(2, 0x1000, 0xc);
    a.words[4] |= low_at + 0x3000, a.words[5] |= 0x70000000; // not in the window
    a.words[7] = 0x81;
    FakeFunction& loop = m->bus.functions.emplace_back(3u, 0u, 0x00121234u, 1u);
    loop.words[6] = 0x000000; // leads nowhere but here
    const auto before = a.words;
    CHECK(m->scan() == DeviceNode::State::bound);
    CHECK(bridge.words[6] == 0x070500);
    REQUIRE(m->found.size() == 3);
    const pci::Function& f = *m->found[1];
    CHECK(f.number() == 0x500);
    CHECK(raw(f.bar(0).at) == low_at + 0x3000);
    CHECK_FALSE(f.bar(1).has_address);
    CHECK(raw(f.bar(2).at) == 0x81'0000'0000);
    for (unsigned i = 4; i < 10; i++) CHECK(a.words[i] == before[i]);
}

TEST_CASE("PCI: capabilities are found, and a list in a circle ends") {
    Machine* const m = make();
    FakeFunction& a = m->bus.functions.emplace_back(1u, 0u, 0x00011234u);
    a.words[1] = 0x100000;
    a.words[13] = 0x40;
    a.words[16] = 0x5009, a.words[20] = 0x6005, a.words[24] = 0x4009;
    m->scan();
    const pci::Function& f = *m->found.at(0);
    CHECK(f.capability(9) == 0x40);
    CHECK(f.capability(9, 0x40) == 0x60);
    CHECK(f.capability(5) == 0x50);
    CHECK(f.capability(0x11) == 0);
}

TEST_CASE("PCI: MSI-X has a message for each entry, MSI has one") {
    Machine* const m = make();
    FakeFunction& a = m->bus.functions.emplace_back(1u, 0u, 0x00011234u);
    a.bar(0, 0x1000, 0);
    a.words[1] = 0x100000;
    a.words[13] = 0x40;
    const bool is_x = GENERATE(true, false);
    a.words[16] = is_x ? 0x0002'0011 : 0x0080'0005; // three entries; 64 bits
    a.writable[16] = 0xffff0000;
    a.words[17] = is_x ? 0x100 : 0;
    if (!is_x) a.writable[17] = a.writable[18] = a.writable[19] = ~0u;
    m->scan();
    pci::Function& f = *m->found.at(0);
    CHECK(f.start_messages(Machine::map).value() == (is_x ? 3u : 1u));
    REQUIRE(messages.devices.size() == 1);
    CHECK(messages.devices[0].first == 0x108); // what the map makes of 00:01.0
    int calls = 0;
    const irq::IrqNumber number{messages.next};
    REQUIRE(f.attach_message(0, count_call, &calls, 0).ok());
    chip.pending = number;
    irq::dispatch();
    CHECK(calls == 1);
    if (is_x) {
        auto& table = m->memory.words;
        CHECK(a.words[16] >> 31 == 1);
        CHECK(table[0x100] == 0x08080040);
        CHECK(table[0x104] == 1);
        CHECK(table[0x108] == 7);
        CHECK(table[0x10c] == 0);
        CHECK(table[0x11c] == 1); // still masked
        CHECK((a.words[1] & 2) != 0);
    } else {
        CHECK(a.words[17] == 0x08080040);
        CHECK(a.words[18] == 1);
        CHECK(a.words[19] == 7);
        CHECK((a.words[16] >> 16 & 0x71) == 1);
    }
}

TEST_CASE("PCI: functions share a line") {
    Machine* const m = make();
    for (unsigned slot : {1u, 2u})
        m->bus.functions.emplace_back(slot, 0u, 0x00011234u).words[15] = 4u << 8;
    m->bus.functions.emplace_back(3u, 0u, 0x00011234u); // without a pin
    m->scan();
    int calls[2] = {};
    for (unsigned i : {0u, 1u}) REQUIRE(m->found.at(i)->attach_line(count_call, &calls[i]).ok());
    CHECK(m->found.at(2)->attach_line(count_call, nullptr).error() == Errc::not_supported);
    CHECK((m->bus.functions[0].words[1] & 0x400) == 0);
    CHECK((m->bus.functions[2].words[1] & 0x400) != 0);
    chip.pending = irq::IrqNumber{36};
    irq::dispatch();
    CHECK((calls[0] == 1 && calls[1] == 1));
}
