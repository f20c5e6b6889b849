// SPDX-License-Identifier: BSD-2-Clause
// The PCI transports against registers as [virtio] "Common configuration structure layout" and
// "Legacy Interfaces: A Note on PCI Device Layout" say.
#include <drupe/drivers/binder.h>
#include <drupe/drivers/pci.h>
#include <drupe/virtio/transport.h>
#include <support/fake_pci.h>
#include <support/test_memory.h>

using namespace drupe;
using drivers::DeviceNode;

namespace {

constexpr std::uint64_t config_at = 0x30000000, io_at = 0x20000000, low_at = 0x10000000;

/// Bytes, with what selects and what answers at the places the layout gives.
struct Registers final : arch::host::MmioWindow {
    bool legacy;
    std::uint8_t bytes[0x4000] = {};
    std::vector<std::uint16_t> notices;
    std::map<std::uint16_t, std::map<std::size_t, std::uint64_t>> queue; // by queue and offset
    std::uint64_t features[2] = {0x30000000, 1};

    explicit Registers(bool is_legacy) : MmioWindow(0x4000), legacy(is_legacy) {}
    std::uint64_t plain(std::size_t at, unsigned width) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes + at, width);
        return value;
    }
    bool is_of_queue(std::size_t at) const {
        return legacy ? (at == 8 || at == 0xc || at == 0x16) : at >= 0x18 && at < 0x38;
    }
    std::uint16_t selected() { return static_cast<std::uint16_t>(plain(legacy ? 0x0e : 0x16, 2)); }
    std::uint64_t read(std::size_t at, unsigned width) override {
        CHECK(at % width == 0);
        if (!legacy && at == 4) return features[plain(0, 4)];
        if (legacy && at == 0) return features[0];
        if (!is_of_queue(at)) {
            const std::uint64_t value = plain(at, width);
            if (at == (legacy ? 0x13 : 0x2000)) bytes[at] = 0; // asking quietens the line
            return value;
        }
        if (at == (legacy ? 0x0c : 0x18) && queue[selected()].count(at) == 0)
            return selected() < 2 ? 256 : 0;
        if (!legacy && at == 0x1e) return selected();
        return queue[selected()][at];
    }
    void write(std::size_t at, unsigned width, std::uint64_t value) override {
        CHECK(at % width == 0);
        if (at == 0x10 && legacy) return notices.push_back(static_cast<std::uint16_t>(value));
        if (at >= 0x1000 && at < 0x1008 && !legacy) {
            CHECK((at - 0x1000) / 4 == value); // each queue has a place of its own
            return notices.push_back(static_cast<std::uint16_t>(value));
        }
        if (is_of_queue(at))
            queue[selected()][at] = value;
        else
            std::memcpy(bytes + at, &value, width);
    }
};

struct FakeChip final : irq::IrqChip {
    irq::IrqNumber pending = irq::no_interrupt;
    const char* name() const override { return "fake"; }
    Result<void> init_cpu() override { return {}; }
    Result<void> configure(irq::IrqNumber, irq::Trigger) override { return {}; }
    void mask(irq::IrqNumber) override {}
    void unmask(irq::IrqNumber) override {}
    irq::IrqNumber acknowledge() override { return std::exchange(pending, irq::no_interrupt); }
    void end(irq::IrqNumber) override {}
    void send_ipi(std::uint32_t, irq::IrqNumber) override {}
} chip;

struct FakeMessages final : irq::MessageController {
    std::uint32_t next = irq::first_message;
    Result<void> add_device(std::uint32_t, unsigned) override { return {}; }
    Result<irq::Message> allocate(std::uint32_t, unsigned index) override {
        return irq::Message{PhysAddr{0x8080040}, index, irq::IrqNumber{next++}};
    }
} messages;

struct Machine {
    test::FakePci bus{12, 1};
    test::FakeProperties properties;
    Registers registers;
    DeviceNode host{};
    explicit Machine(bool legacy) : registers(legacy) {}
};
Machine* machine = nullptr;
virtio::Transport* found = nullptr;

Result<volatile void*> map(PhysAddr at, std::uint64_t) {
    if (raw(at) >= config_at)
        return static_cast<volatile char*>(machine->bus.base()) + (raw(at) - config_at);
    const std::uint64_t size = raw(at) >= io_at ? 0x1000 : 0x4000; // both are aligned to it
    return static_cast<volatile char*>(machine->registers.base()) + raw(at) % size;
}
Result<OwnPtr<drivers::Device>> probe(const DeviceNode& node, drivers::MapDevice) {
    found = node.transport;
    return Errc::no_memory;
}
constexpr std::string_view models[] = {"virtio,device3f"};

/// Its function has capabilities for each part; MSI-X when there are `vectors`.
test::FakeFunction& start(bool legacy, unsigned vectors) {
    static std::vector<std::unique_ptr<Machine>> all;
    static const bool once =
        (irq::install_chip(chip), messages.handle = 9, irq::add_message_controller(messages), true);
    static_cast<void>(once);
    machine = all.emplace_back(std::make_unique<Machine>(legacy)).get();
    found = nullptr;
    auto& f = machine->bus.functions.emplace_back(1u, 0u, legacy ? 0x10051af4u : 0x107f1af4u);
    f.words[0xb] = 0x3f << 16; // a legacy device's number
    f.words[0xf] = 1u << 8;
    f.words[1] = 0x100000;
    f.writable[0x24] = 0xc0000000;
    if (legacy) {
        f.bar(0, 0x40, 1);
        f.bar(1, 0x4000, 0);
    } else {
        f.bar(1, 0x4000, 0);
        unsigned at = 0x40;
        for (std::uint32_t kind : {1u, 2u, 3u, 4u}) {
            f.words[at / 4] = kind << 24 | 0x14 << 16 | (at + 0x14) << 8 | 9;
            f.words[at / 4 + 1] = 1;
            f.words[at / 4 + 2] = (kind - 1) * 0x1000;
            f.words[at / 4 + 3] = kind == 1 ? 0x38 : kind == 2 ? 0x8 : 0x10;
            f.words[at / 4 + 4] = 4; // notify_off_multiplier
            at += 0x14;
        }
        f.words[0x7c / 4] = (f.words[0x7c / 4] & ~0xff00u) | 0x9000;
    }
    f.words[0xd] = legacy ? 0x90 : 0x40;
    f.words[0x24] = vectors ? (vectors - 1) << 16 | 0x11 : 0;
    f.words[0x25] = 0x3800 | 1; // the table
    DeviceNode& host = machine->host;
    host.name = "pci";
    host.compatible = "pci-host-ecam-generic";
    host.regions[0] = {PhysAddr{config_at}, 1 << 20};
    host.region_count = 1;
    host.bus_cells = 2;
    host.source = &machine->properties;
    machine->properties.cells("ranges", {0x01000000, 0, 0, 0, io_at, 0, 0x10000, //
                                         0x02000000, 0, low_at, 0, low_at, 0, 0x8000000});
    machine->properties.cells("msi-map", {0, 9, 0, 0x10000});
    drivers::Binder binder(map, [](OwnPtr<drivers::Device>) {});
    binder.emit(host);
    binder.finish();
    return f;
}

std::vector<unsigned> calls;
void on_queue(void*, std::uint16_t queue) { calls.push_back(queue); }

} // namespace

DRUPE_DRIVER(probe_only) = {"probe-only", models, drivers::DeviceClass::rng, probe};

TEST_CASE("virtio over PCI: features, queues and messages, modern and legacy") {
    testing::TestMemory memory(512);
    const bool legacy = GENERATE(false, true);
    const unsigned vectors = GENERATE(3u, 1u, 0u);
    test::FakeFunction& f = start(legacy, vectors);
    REQUIRE(found);
    Registers& r = machine->registers;
    CHECK(found->is_legacy() == legacy);
    CHECK((f.words[1] & 4) == 0);
    const std::uint64_t features = virtio::negotiate(*found, 0).value();
    CHECK((features & 0x30000000) == 0x30000000);
    CHECK((f.words[1] & 4) != 0); // driven: it may master the bus
    CHECK(found->queue_limit(2) == 0);
    std::unique_ptr<virtio::Queue> queues[2];
    for (std::uint16_t q : {0, 1}) {
        queues[q].reset(virtio::make_queue(*found, q, 64, 0, features).value());
        const virtio::Queue& queue = *queues[q];
        const virtio::QueuePlace place = queue.place();
        CHECK(place.size == (legacy ? 256 : 64));
        const unsigned vector = vectors == 0 ? 0xffff : vectors > q ? q : 0;
        if (legacy) {
            CHECK(r.queue[q][8] == raw(place.descriptors) / 4096);
            if (vectors) CHECK(r.queue[q][0x16] == vector);
        } else {
            CHECK(r.queue[q][0x18] == 64);
            CHECK(r.queue[q][0x20] == (raw(place.descriptors) & 0xffffffff));
            CHECK(r.queue[q][0x28] == (raw(place.available) & 0xffffffff));
            CHECK(r.queue[q][0x30] == (raw(place.used) & 0xffffffff));
            CHECK(r.queue[q][0x1a] == vector);
            CHECK(r.queue[q][0x1c] == 1);
        }
        CHECK(found->queue_limit(q) == 0); // taken
    }
    const std::uint32_t last = messages.next;
    REQUIRE(found->attach(on_queue, nullptr).ok());
    virtio::start(*found);
    for (std::uint16_t q : {1, 0}) found->notify(q);
    CHECK(r.notices == std::vector<std::uint16_t>{1, 0});
    calls.clear();
    if (vectors == 0) {
        chip.pending = irq::IrqNumber{33};
        irq::dispatch(); // another's
        CHECK(calls.empty());
        r.bytes[legacy ? 0x13 : 0x2000] = 1;
        chip.pending = irq::IrqNumber{33};
    } else {
        chip.pending = irq::IrqNumber{last - 1};
    }
    irq::dispatch();
    const unsigned due = vectors == 3 ? 1 : virtio::Transport::any_queue;
    CHECK(calls == std::vector<unsigned>{due});
    r.bytes[legacy ? (vectors ? 0x18 : 0x14) : 0x3000] = 42;
    CHECK(found->read_field(0, 1) == 42);
    CHECK(found->read_field(0x40, 4) == 0); // there is none
    virtio::give_up(*found);
    CHECK((f.words[1] & 4) == 0);
}

TEST_CASE("virtio over PCI: a device whose parts are not where they should be is left out") {
    const unsigned what = GENERATE(range(0u, 4u));
    testing::TestMemory memory(512);
    test::FakeFunction& bad = start(false, 0);
    REQUIRE(found);
    if (what == 0) bad.words[0x12] = 0x4000; // behind the end
    if (what == 1) bad.words[0x11] = 2;      // a register that claims nothing
    if (what == 2) bad.words[0x13] = 0x20;   // too short
    if (what == 3) bad.words[0] = 0x10801af4;
    found = nullptr;
    drivers::Binder binder(map, [](OwnPtr<drivers::Device>) {});
    binder.emit(machine->host);
    CHECK(found == nullptr);
}
