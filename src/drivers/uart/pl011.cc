// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/io.h>
#include <drupe/drivers/pl011.h>

namespace drupe::drivers {
namespace {

// [arm/pl011] "Summary of registers"
enum Register : std::size_t {
    dr = 0x00,
    fr = 0x18,
    lcrh = 0x2c,
    cr = 0x30,
    ifls = 0x34,
    imsc = 0x38,
    icr = 0x44,
};
constexpr std::uint32_t fr_rxfe = 1u << 4, fr_txff = 1u << 5;
constexpr std::uint32_t lcrh_fen = 1u << 4, lcrh_wlen8 = 3u << 5;
constexpr std::uint32_t cr_uarten = 1u << 0, cr_txe = 1u << 8, cr_rxe = 1u << 9;
constexpr std::uint32_t int_rx = 1u << 4, int_rt = 1u << 6, int_all = 0x7ff;
constexpr std::uint32_t dr_error = 0xf00; // overrun, break, parity, framing
constexpr std::uint32_t dr_break = 1u << 10;

volatile void* at(volatile void* base, Register r) { return static_cast<volatile char*>(base) + r; }

} // namespace

void Pl011::init() {
    arch::mmio_write<std::uint32_t>(at(base_, imsc), 0);
    arch::mmio_write<std::uint32_t>(at(base_, icr), int_all);
    if (!is_full_) return;
    // Enabling FIFOs means writing LCR_H, which is allowed only while the UART is disabled and
    // idle; firmware that has enabled it has chosen its own settings, and output may be under way.
    const auto control = arch::mmio_read<std::uint32_t>(at(base_, cr));
    if ((control & cr_uarten) == 0)
        arch::mmio_write<std::uint32_t>(at(base_, lcrh), lcrh_fen | lcrh_wlen8);
    arch::mmio_write<std::uint32_t>(at(base_, cr), control | cr_uarten | cr_txe | cr_rxe);
}

void Pl011::write(std::string_view bytes) {
    volatile void* const flags = at(base_, fr);
    volatile void* const data = at(base_, dr);
    for (const char c : bytes) {
        while ((arch::mmio_read<std::uint32_t>(flags) & fr_txff) != 0) {}
        arch::mmio_write<std::uint32_t>(data, static_cast<unsigned char>(c));
    }
}

std::size_t Pl011::read(std::span<char> buffer) {
    std::size_t count = 0;
    while (count < buffer.size() &&
           (arch::mmio_read<std::uint32_t>(at(base_, fr)) & fr_rxfe) == 0) {
        const auto entry = arch::mmio_read<std::uint32_t>(at(base_, dr));
        // A break or a byte that was garbled on the line is dropped; after an overrun this byte is
        // sound and it is the next that are missing.
        if ((entry & dr_error & ~(1u << 11)) != 0 || (entry & dr_break) != 0) continue;
        buffer[count++] = static_cast<char>(entry & 0xff);
    }
    return count;
}

void Pl011::on_interrupt(void* self) {
    auto& uart = *static_cast<Pl011*>(self);
    // Acknowledge first: a byte that arrives from here on raises the interrupt anew. The handler
    // empties the FIFO.
    arch::mmio_write<std::uint32_t>(at(uart.base_, icr), int_rx | int_rt);
    uart.handler_(uart.context_);
}

Result<void> Pl011::enable_input(InputHandler handler, void* context) {
    if (!interrupt_) return Errc::not_supported;
    handler_ = handler;
    context_ = context;
    TRY(irq::attach(interrupt_->number, interrupt_->trigger, on_interrupt, this));
    // RX fires when the FIFO passes its level, RT when bytes lie in it below the level for a while;
    // the lowest level is one eighth.
    if (is_full_) arch::mmio_write<std::uint32_t>(at(base_, ifls), 0);
    arch::mmio_write<std::uint32_t>(at(base_, imsc), int_rx | int_rt);
    // What arrived before raised its interrupt before: nothing would report it now.
    handler(context);
    return {};
}

namespace {

constexpr std::string_view models[] = {"arm,pl011", "arm,sbsa-uart"};

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    volatile void* base = TRY(node.map(0, map_device));
    std::optional<Interrupt> interrupt;
    if (node.interrupt_count > 0) interrupt = node.interrupts[0];
    auto uart = TRY(make_own<Pl011>(base, node.is("arm,pl011"), interrupt));
    uart->init();
    return OwnPtr<Device>(uart.leak());
}

Result<Console*> probe_early(const DeviceNode& node, MapDevice map_device) {
    alignas(Pl011) static constinit std::byte storage[sizeof(Pl011)] = {};
    volatile void* base = TRY(node.map(0, map_device));
    auto* uart = new (storage) Pl011(base, node.is("arm,pl011"), std::nullopt);
    uart->init();
    return static_cast<Console*>(uart);
}

} // namespace

DRUPE_DRIVER(pl011) = {"pl011", models, DeviceClass::console, probe, probe_early};

} // namespace drupe::drivers
