// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/drivers/pl011.h>
#include <drupe/drivers/pl031.h>
#include <drupe/irq/irq_chip.h>
#include <support/register_file.h>

#include <deque>
#include <string>

using namespace drupe;

namespace {

struct FakeUart {
    test::RegisterFile registers{0x1000};
    std::string sent;
    std::deque<std::uint32_t> received; // with error bits
    int full_for = 0;                   // status reads until the transmitter has room

    FakeUart() {
        registers.on_read[0x18] = [this] {
            std::uint32_t flags = received.empty() ? 1u << 4 : 0;
            if (full_for > 0) full_for--, flags |= 1u << 5;
            return flags;
        };
        registers.on_read[0] = [this] {
            const std::uint32_t v = received.front();
            received.pop_front();
            return v;
        };
        registers.on_write[0] = [this](std::uint32_t v) {
            CHECK(full_for == 0);
            sent += static_cast<char>(v);
        };
    }
};

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
};

} // namespace

TEST_CASE("PL011: bytes are sent when there is room, and as bytes") {
    FakeUart fake;
    drivers::Pl011 uart(fake.registers.base(), true, {});
    uart.init();
    CHECK((fake.registers.words[0x30] & 0x301) == 0x301);
    CHECK(fake.registers.words[0x2c] == 0x70);
    fake.full_for = 3;
    uart.write("a\xff");
    CHECK(fake.sent == "a\xff");
    CHECK(fake.registers.wrong_accesses == 0);
}

TEST_CASE("PL011: settings of a UART that firmware has enabled stay") {
    FakeUart fake;
    fake.registers.words[0x30] = 0x4101;
    fake.registers.words[0x2c] = 0x60;
    drivers::Pl011 uart(fake.registers.base(), true, {});
    uart.init();
    CHECK(fake.registers.words[0x2c] == 0x60);
    CHECK(fake.registers.words[0x30] == 0x4301);
}

TEST_CASE("PL011: the SBSA subset has no control register to write") {
    FakeUart fake;
    drivers::Pl011 uart(fake.registers.base(), false, {});
    uart.init();
    uart.write("x");
    CHECK(fake.sent == "x");
    CHECK_FALSE(fake.registers.wrote(0x30));
    CHECK_FALSE(fake.registers.wrote(0x2c));
    CHECK_FALSE(fake.registers.wrote(0x34));
}

TEST_CASE("PL011: reading stops when the FIFO or the buffer does, and drops broken bytes") {
    FakeUart fake;
    drivers::Pl011 uart(fake.registers.base(), true, {});
    char buffer[4];
    CHECK(uart.read(buffer) == 0);
    for (char c : std::string("abcdef")) fake.received.push_back(static_cast<unsigned char>(c));
    CHECK(uart.read(buffer) == 4);
    CHECK(std::string(buffer, 4) == "abcd");
    CHECK(uart.read(buffer) == 2);
    fake.received = {0x100 | 'x', 0x400, 0x200 | 'p', 0x800 | 'o', 'k'};
    CHECK(uart.read(buffer) == 2); // after an overrun the byte itself is sound
    CHECK(std::string(buffer, 2) == "ok");
}

TEST_CASE("PL011: input is reported by interrupt, what waited before at once") {
    static FakeChip chip;
    irq::install_chip(chip);
    FakeUart fake;
    drivers::Pl011 silent(fake.registers.base(), true, {});
    CHECK(silent.enable_input([](void*) {}, nullptr).error() == Errc::not_supported);
    static drivers::Pl011 uart(fake.registers.base(), true,
                               drivers::Interrupt{irq::IrqNumber{33}, irq::Trigger::level});
    int calls = 0;
    const auto handler = [](void* context) { ++*static_cast<int*>(context); };
    REQUIRE(uart.enable_input(handler, &calls).ok());
    CHECK(calls == 1);
    CHECK((fake.registers.words[0x38] & 0x50) == 0x50);
    chip.pending = irq::IrqNumber{33};
    irq::dispatch();
    CHECK(calls == 2);
    CHECK(fake.registers.words[0x44] == 0x50);
    CHECK(uart.enable_input(handler, &calls).error() == Errc::busy);
}

TEST_CASE("PL031: seconds since 1970, or nothing when it was never set") {
    test::RegisterFile registers{0x1000};
    drivers::Pl031 clock(registers.base());
    CHECK(clock.read_time().error() == Errc::io);
    registers.words[0] = 0xfedcba98;
    CHECK(clock.read_time().value() == Nanos::from_seconds(0xfedcba98));
}
