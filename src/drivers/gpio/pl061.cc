// SPDX-License-Identifier: BSD-2-Clause
// The PL061 ([arm/pl061] DDI 0190), eight lines, as far as it carries the machine's power key. The
// other lines stay as they are.
#include <drupe/arch/io.h>
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>

namespace drupe::drivers {
namespace {

// [arm/pl061] "Summary of registers"; each has a bit for each line.
enum Register : std::size_t {
    direction = 0x400, // ones are outputs
    sense = 0x404,     // ones are levels
    both_edges = 0x408,
    event = 0x40c, // ones are rising edges
    mask = 0x410,
    masked_status = 0x418,
    clear = 0x41c,
};

class Pl061 final : public Device, public PowerKey {
public:
    Pl061(volatile void* base, GpioLine line, Interrupt interrupt)
        : base_(static_cast<volatile char*>(base)), line_(line), interrupt_(interrupt) {}

    PowerKey* power_key() override { return this; }

    Result<void> enable(Handler pressed) override {
        pressed_ = pressed;
        for (const Register off : {direction, sense, both_edges, mask}) set(off, false);
        set(event, !line_.is_active_low);
        write(clear, bit());
        TRY(irq::attach(interrupt_.number, interrupt_.trigger, on_interrupt, this));
        set(mask, true);
        return {};
    }

private:
    std::uint32_t bit() const { return 1u << line_.number; }
    std::uint32_t read(Register r) const { return arch::mmio_read<std::uint32_t>(base_ + r); }
    void write(Register r, std::uint32_t v) const { arch::mmio_write<std::uint32_t>(base_ + r, v); }
    void set(Register r, bool is_on) const { write(r, is_on ? read(r) | bit() : read(r) & ~bit()); }
    static void on_interrupt(void* self) {
        const auto& gpio = *static_cast<const Pl061*>(self);
        if ((gpio.read(masked_status) & gpio.bit()) == 0) return;
        gpio.write(clear, gpio.bit());
        gpio.pressed_();
    }

    volatile char* const base_;
    const GpioLine line_;
    const Interrupt interrupt_;
    Handler pressed_ = nullptr;
};

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    const auto handle = node.number("phandle");
    const auto line =
        handle ? node.source->power_key(static_cast<std::uint32_t>(*handle)) : std::nullopt;
    // Lines for something else. They are left to it.
    if (!line) return OwnPtr<Device>(TRY(make_own<Device>()).leak());
    if (line->number > 7 || node.interrupt_count == 0) return Errc::invalid;
    auto gpio = TRY(make_own<Pl061>(TRY(node.map(0, map_device)), *line, node.interrupts[0]));
    return OwnPtr<Device>(gpio.leak());
}

constexpr std::string_view models[] = {"arm,pl061"};

} // namespace

DRUPE_DRIVER(pl061) = {"pl061", models, DeviceClass::input, probe};

} // namespace drupe::drivers
