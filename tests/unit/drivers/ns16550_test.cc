// SPDX-License-Identifier: BSD-2-Clause
// The 16550 as the device tree describes it, with registers of any distance; and pvpanic, whose
// register is a byte.
#include <catch2/catch.hpp>

#include <drupe/arch/host/mmio.h>
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/irq/irq_chip.h>
#include <support/fake_pci.h>

#include <deque>
#include <string>

using namespace drupe;
using drivers::DeviceNode;

// A UART whose interrupt is attached lives for ever.
extern "C" const char* __lsan_default_suppressions() { return "leak:make_own<drupe::drivers::"; }

namespace {

/// [ti/16550]: eight registers, 2^shift bytes apart, of `width` bytes.
struct FakeUart final : arch::host::MmioWindow {
    unsigned shift, width, offset;
    std::uint8_t words[8] = {};
    std::deque<std::pair<char, std::uint8_t>> received; // with their errors
    std::string sent;
    int full_for = 0;

    FakeUart(unsigned s, unsigned w, unsigned o)
        : MmioWindow(0x1000), shift(s), width(w), offset(o) {}
    unsigned number(std::size_t at, unsigned bytes) const {
        CHECK(bytes == width);
        REQUIRE(at >= offset);
        CHECK((at - offset) % (1u << shift) == 0);
        return static_cast<unsigned>((at - offset) >> shift);
    }
    std::uint64_t read(std::size_t at, unsigned bytes) override {
        const unsigned r = number(at, bytes);
        if (r == 5) {
            const bool is_full = full_for > 0 && full_for-- > 0;
            return (received.empty() ? 0u : 1u | received.front().second) | (is_full ? 0 : 0x20);
        }
        if (r != 0) return words[r];
        REQUIRE_FALSE(received.empty());
        const char byte = received.front().first;
        received.pop_front();
        return static_cast<std::uint8_t>(byte);
    }
    void write(std::size_t at, unsigned bytes, std::uint64_t value) override {
        const unsigned r = number(at, bytes);
        words[r] = static_cast<std::uint8_t>(value);
        if (r != 0) return;
        CHECK(full_for == 0);
        sent += static_cast<char>(value);
    }
    bool asks() const { return (words[1] & 1) != 0 && !received.empty(); }
};
arch::host::MmioWindow* window = nullptr;

struct FakeChip final : irq::IrqChip {
    const char* name() const override { return "fake"; }
    Result<void> init_cpu() override { return {}; }
    Result<void> configure(irq::IrqNumber, irq::Trigger) override { return {}; }
    void mask(irq::IrqNumber) override {}
    void unmask(irq::IrqNumber) override {}
    irq::IrqNumber pending = irq::no_interrupt;
    irq::IrqNumber acknowledge() override { return std::exchange(pending, irq::no_interrupt); }
    void end(irq::IrqNumber) override {}
    void send_ipi(std::uint32_t, irq::IrqNumber) override {}
} chip;

struct Node : DeviceNode {
    test::FakeProperties properties;
    Node(std::string_view model, std::uint64_t bytes) : DeviceNode{} {
        name = "device";
        compatible = model;
        regions[0] = {PhysAddr{0x9000000}, bytes};
        region_count = 1;
        source = &properties;
    }
    Result<OwnPtr<drivers::Device>> probe() {
        return drivers::find_driver(*this)->probe(
            *this, [](PhysAddr, std::uint64_t) { return Result<volatile void*>(window->base()); });
    }
};

unsigned calls = 0;

} // namespace

TEST_CASE("16550: bytes go and come, wherever its registers lie") {
    static const bool once = (irq::install_chip(chip), true);
    static_cast<void>(once);
    static std::uint32_t next_number = 40;
    const auto [shift, width, offset] =
        GENERATE(table<unsigned, unsigned, unsigned>({{0, 1, 0}, {2, 1, 0}, {2, 4, 0}, {1, 1, 3}}));
    FakeUart uart(shift, width, offset);
    window = &uart;
    Node node("ns16550a", 0x100);
    if (shift) node.properties.cells("reg-shift", {shift});
    if (width != 1) node.properties.cells("reg-io-width", {width});
    if (offset) node.properties.cells("reg-offset", {offset});
    node.interrupts[0] = {irq::IrqNumber{++next_number}, irq::Trigger::level};
    node.interrupt_count = 1;
    auto made = node.probe();
    REQUIRE(made.ok());
    drivers::Console& console = *std::move(made).value().leak()->console();
    CHECK(uart.words[1] == 0);
    CHECK(uart.words[3] == 3);
    uart.full_for = 3;
    console.write("a\xff");
    CHECK(uart.sent == "a\xff");
    calls = 0;
    REQUIRE(console.enable_input([](void* c) { calls += *static_cast<unsigned*>(c); }, &(calls = 1))
                .ok());
    char buffer[4];
    CHECK(console.read(buffer) == 0);
    for (char c : std::string("abcdef")) uart.received.emplace_back(c, 0);
    REQUIRE(uart.asks());
    chip.pending = irq::IrqNumber{next_number};
    const unsigned before = calls;
    irq::dispatch();
    CHECK(calls > before);
    CHECK_FALSE(uart.asks()); // it would ask without end
    CHECK(console.read(buffer) == 4);
    CHECK_FALSE(uart.asks());
    CHECK(console.read(buffer) == 2);
    uart.received = {{'x', 0x10}, {'p', 4}, {'f', 8}, {'k', 0}};
    CHECK(uart.asks());
    CHECK(console.read(buffer) == 1); // broken bytes are none
    CHECK(buffer[0] == 'k');
    const unsigned last = calls;
    chip.pending = irq::IrqNumber{next_number}; // another's
    irq::dispatch();
    CHECK(calls == last);
}

TEST_CASE("16550: one that is described wrongly is left out") {
    FakeUart uart(0, 1, 0);
    window = &uart;
    Node node("ns16550", GENERATE(5u, 0x100u));
    if (node.regions[0].bytes != 5) {
        const auto name = GENERATE("reg-shift", "reg-io-width", "reg-offset");
        node.properties.cells(name, {GENERATE(0xffu, 0xffffffffu, 0xfbu)});
    }
    CHECK(node.probe().error() == Errc::invalid);
    CHECK(uart.sent.empty());
}

TEST_CASE("pvpanic is told of a panic, if it wants to know") {
    struct Register final : arch::host::MmioWindow {
        std::uint8_t wanted = 0, written = 0;
        Register() : MmioWindow(0x1000) {}
        std::uint64_t read(std::size_t at, unsigned width) override {
            CHECK((at == 0 && width == 1));
            return wanted;
        }
        void write(std::size_t at, unsigned width, std::uint64_t value) override {
            CHECK((at == 0 && width == 1));
            written = static_cast<std::uint8_t>(value);
        }
    } reg;
    window = &reg;
    reg.wanted = GENERATE(std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{3});
    Node node("qemu,pvpanic-mmio", 2);
    auto made = node.probe();
    REQUIRE(made.ok() == (reg.wanted == 3));
    if (!made.ok()) return;
    CHECK(reg.written == 0);
    made.value()->panic_listener()->tell();
    CHECK(reg.written == 1);
}
