// SPDX-License-Identifier: BSD-2-Clause
// The 16550 UART ([ti/16550] "Accessible Registers") and what is compatible with it: in the device
// tree with registers of any distance, and on PCI. Speed is left as the firmware set it.
#include <drupe/arch/io.h>
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/drivers/pci.h>

namespace drupe::drivers {
namespace {

enum Register : unsigned {
    data = 0,
    interrupts = 1,
    fifos = 2,
    format = 3,
    modem = 4,
    line = 5,
};
constexpr std::uint32_t on_data = 1;                     // of interrupts
constexpr std::uint32_t eight_bits = 3;                  // of format
constexpr std::uint32_t ready = 1 | 2, drive_line = 8;   // of modem; PCs' lines need the latter
constexpr std::uint32_t has_data = 1, has_room = 1 << 5; // of line
constexpr std::uint32_t is_broken = 4 | 8 | 16;          // parity, framing, break

struct Place {
    volatile void* base;
    unsigned shift = 0; // log2 of the distance of registers
    bool is_wide = false;
};

class Ns16550 final : public Device, public Console {
public:
    Ns16550(const Place& at, std::optional<Interrupt> interrupt, pci::Function* function)
        : at_(at), interrupt_(interrupt), function_(function) {}

    void init() {
        put(interrupts, 0);
        put(format, eight_bits);
        put(fifos, 1);
        put(modem, ready | drive_line);
    }

    Console* console() override { return this; }
    const char* name() const override { return "ns16550"; }

    void write(std::string_view bytes) override {
        for (const char c : bytes) {
            while ((get(line) & has_room) == 0) {}
            put(data, static_cast<unsigned char>(c));
        }
    }

    std::size_t read(std::span<char> buffer) override {
        std::size_t count = 0;
        for (std::uint32_t state; count < buffer.size() && ((state = get(line)) & has_data) != 0;) {
            const std::uint32_t byte = get(data);
            if ((state & is_broken) == 0) buffer[count++] = static_cast<char>(byte);
        }
        // It asks for as long as there is something: from now on again, if it is all taken.
        if (handler_ && count < buffer.size()) put(interrupts, on_data);
        return count;
    }

    Result<void> enable_input(InputHandler handler, void* context) override {
        if (!function_ && !interrupt_) return Errc::not_supported;
        handler_ = handler;
        context_ = context;
        TRY(function_ ? function_->attach_line(on_interrupt, this)
                      : irq::attach(interrupt_->number, interrupt_->trigger, on_interrupt, this));
        handler(context); // reads what is there, and so asks for interrupts
        return {};
    }

private:
    std::uint32_t get(Register r) const {
        volatile char* const at = static_cast<volatile char*>(at_.base) + (r << at_.shift);
        return at_.is_wide ? arch::mmio_read<std::uint32_t>(at) & 0xff
                           : arch::mmio_read<std::uint8_t>(at);
    }
    void put(Register r, std::uint32_t value) const {
        volatile char* const at = static_cast<volatile char*>(at_.base) + (r << at_.shift);
        if (at_.is_wide) return arch::mmio_write<std::uint32_t>(at, value);
        arch::mmio_write<std::uint8_t>(at, static_cast<std::uint8_t>(value));
    }
    static void on_interrupt(void* self) {
        const auto& uart = *static_cast<const Ns16550*>(self);
        if ((uart.get(line) & has_data) == 0) return; // another's, on a line that is shared
        uart.put(interrupts, 0);
        uart.handler_(uart.context_);
    }

    const Place at_;
    const std::optional<Interrupt> interrupt_;
    pci::Function* const function_;
    InputHandler handler_ = nullptr;
    void* context_ = nullptr;
};

/// [linux] bindings "serial/8250.yaml"
Result<Place> find(const DeviceNode& node, MapDevice map_device) {
    if (node.function) return Place{TRY(node.function->map(0, 0, 8, map_device))};
    const std::uint64_t shift = node.number("reg-shift").value_or(0);
    const std::uint64_t offset = node.number("reg-offset").value_or(0);
    const std::uint64_t width = node.number("reg-io-width").value_or(1);
    volatile void* const base = TRY(node.map(0, map_device));
    if (shift > 3 || (width != 1 && width != 4) || offset > node.regions[0].bytes ||
        node.regions[0].bytes - offset < (std::uint64_t{line} << shift) + width)
        return Errc::invalid;
    return Place{static_cast<volatile char*>(base) + offset, static_cast<unsigned>(shift),
                 width == 4};
}

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    std::optional<Interrupt> interrupt;
    if (node.interrupt_count > 0) interrupt = node.interrupts[0];
    auto uart = TRY(make_own<Ns16550>(TRY(find(node, map_device)), interrupt, node.function));
    uart->init();
    return OwnPtr<Device>(uart.leak());
}

Result<Console*> probe_early(const DeviceNode& node, MapDevice map_device) {
    alignas(Ns16550) static constinit std::byte storage[sizeof(Ns16550)] = {};
    auto* uart = new (storage) Ns16550(TRY(find(node, map_device)), std::nullopt, nullptr);
    uart->init();
    return static_cast<Console*>(uart);
}

constexpr std::string_view models[] = {"ns16550a", "ns16550", "snps,dw-apb-uart",
                                       "pciclass,070002"};

} // namespace

DRUPE_DRIVER(ns16550) = {"ns16550", models, DeviceClass::console, probe, probe_early};

} // namespace drupe::drivers
