// SPDX-License-Identifier: BSD-2-Clause
// The PL011 UART ([arm/pl011] DDI 0183) and its subset, the SBSA generic UART ([arm/bsa] "Generic
// UART"), which has only the registers that this driver uses outside init(). Speed and pins are
// left as the firmware set them.
#pragma once

#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>

#include <optional>

namespace drupe::drivers {

class Pl011 final : public Device, public Console {
public:
    /// `base` has to be readable and writable as a device for as long as this is used. With
    /// `is_full` the transmitter is switched on; the subset has no such register.
    constexpr Pl011(volatile void* base, bool is_full, std::optional<Interrupt> interrupt)
        : base_(base), is_full_(is_full), interrupt_(interrupt) {}
    void init();

    Console* console() override { return this; }
    const char* name() const override { return "pl011"; }
    void write(std::string_view bytes) override;
    std::size_t read(std::span<char> buffer) override;
    Result<void> enable_input(InputHandler handler, void* context) override;

private:
    static void on_interrupt(void* self);
    volatile void* base_;
    bool is_full_;
    std::optional<Interrupt> interrupt_;
    InputHandler handler_ = nullptr;
    void* context_ = nullptr;
};

} // namespace drupe::drivers
