// SPDX-License-Identifier: BSD-2-Clause
// What a driver asks of the firmware's description beyond a node's own tables.
#pragma once

#include <drupe/irq/irq_chip.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drupe::drivers {

struct Interrupt {
    irq::IrqNumber number;
    irq::Trigger trigger;
};

/// A line of a controller that has several.
struct GpioLine {
    std::uint32_t number;
    bool is_active_low;
};

/// Where the less common properties of a node are read. Implemented by the firmware's parser.
class PropertySource {
public:
    virtual std::optional<std::span<const std::byte>> property(std::size_t node,
                                                               std::string_view name) const = 0;

    /// What `interrupt-map` of the node makes of a child's interrupt: three cells of its address
    /// and the pin. Nothing: the map does not say, or leads to another chip.
    virtual std::optional<Interrupt> routed_interrupt(std::size_t,
                                                      const std::uint32_t (&)[4]) const {
        return std::nullopt;
    }
    /// The line of that controller (a phandle) that the power key pulls.
    virtual std::optional<GpioLine> power_key(std::uint32_t) const { return std::nullopt; }
    /// A property of /chosen.
    virtual std::optional<std::span<const std::byte>> chosen(std::string_view) const {
        return std::nullopt;
    }

protected:
    ~PropertySource() = default;
};

} // namespace drupe::drivers
