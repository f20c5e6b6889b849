// SPDX-License-Identifier: BSD-2-Clause
// Devices as firmware describes them (DeviceNode), as drivers offer them (Device and its classes),
// and the records by which the two find each other.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/drivers/properties.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drupe::drivers {

using Region = PhysRange;
/// Makes a register block accessible: the kernel's device mapping. no_memory; invalid for a block
/// that is RAM.
using MapDevice = Result<volatile void*> (*)(PhysAddr base, std::uint64_t bytes);

} // namespace drupe::drivers
namespace drupe::virtio {
class Transport;
}
namespace drupe::pci {
class Function;
}
namespace drupe::block {
class BlockDevice;
}
namespace drupe::share {
class Device;
}
namespace drupe::tty {
class PortDevice;
}
namespace drupe::drivers {

struct Driver;

/// One device. Its views point into the firmware's tables, which stay in memory.
struct DeviceNode {
    static constexpr unsigned max_regions = 4;
    static constexpr unsigned max_interrupts = 4;

    std::string_view name;
    std::string_view compatible; // NUL-separated, most specific first
    Region regions[max_regions];
    Interrupt interrupts[max_interrupts];
    std::uint8_t region_count;
    std::uint8_t interrupt_count;
    std::uint8_t bus_cells; // of an address on the bus it is on; firmware's nodes only
    const Driver* driver;   // for its most specific model that has one
    const PropertySource* source;
    std::size_t key;

    DeviceNode* parent;           // the bus's; null for what the firmware describes itself
    virtio::Transport* transport; // of what the virtio bus emits
    pci::Function* function;      // of what PCI emits

    enum class State : std::uint8_t { idle, bound, waiting, broken, unknown };
    State state;
    DeviceNode* next_emitted; // the binder's
    DeviceNode* next_waiting;

    bool is(std::string_view model) const;
    /// A property of one or two 32-bit cells; nothing when absent or of another length.
    std::optional<std::uint64_t> number(std::string_view property) const;
    /// not_found: no such region.
    Result<volatile void*> map(unsigned region, MapDevice map_device) const;
};

class Console;
class RealTimeClock;
class EntropySource;
class PowerKey;
class PanicListener;
class FirmwareItems;

/// What a driver makes of a node. It offers the interfaces of its class; null for all others.
class Device {
public:
    virtual ~Device() = default;
    virtual irq::IrqChip* irq_chip() { return nullptr; }
    virtual Console* console() { return nullptr; }
    /// One that is the machine's when there is no other, or when it is asked for.
    virtual Console* host_console() { return nullptr; }
    virtual RealTimeClock* clock() { return nullptr; }
    virtual EntropySource* entropy() { return nullptr; }
    virtual share::Device* share() { return nullptr; }
    virtual PowerKey* power_key() { return nullptr; }
    virtual PanicListener* panic_listener() { return nullptr; }
    virtual FirmwareItems* firmware_items() { return nullptr; }
    /// Disk `n` of those that it has.
    virtual block::BlockDevice* block(unsigned) { return nullptr; }
    /// The next port behind `last`, or the first; null: there is no more.
    virtual tty::PortDevice* next_port(const tty::PortDevice*) { return nullptr; }
};

/// What a bus gives the nodes to that it finds.
class NodeSink {
public:
    virtual void emit(DeviceNode& node) = 0;

protected:
    ~NodeSink() = default;
};

enum class DeviceClass : std::uint8_t {
    irq_chip,
    message_controller,
    console,
    clock,
    block,
    share,
    net,
    rng,
    input,
    other,
    bus
};

/// A driver: a constant. The linker collects pointers to them (not the records: compilers align and
/// pad large objects as they like) in the section drupe_drivers. `probe` never panics and touches
/// no register unless the node's model is one of `models`.
struct Driver {
    std::string_view name;
    std::span<const std::string_view> models; // values of `compatible`
    DeviceClass device_class;
    /// would_block: what it needs is not there yet; it is asked again later.
    Result<OwnPtr<Device>> (*probe)(const DeviceNode& node, MapDevice map_device);
    /// Consoles only, else null: output before there is memory to allocate, in storage of the
    /// driver's own. Gives way to what `probe` makes later.
    Result<Console*> (*probe_early)(const DeviceNode& node, MapDevice map_device) = nullptr;
    /// Buses only, instead of `probe`: emits the nodes behind this one. Errors as probe's.
    Result<void> (*scan)(DeviceNode& node, MapDevice map_device, NodeSink& sink) = nullptr;
};

/// The drivers this image was linked with.
std::span<const Driver* const> all_drivers();
/// The driver of the node's most specific model that has one; null.
const Driver* find_driver(const DeviceNode& node);

} // namespace drupe::drivers

/// Registers a driver: DRUPE_DRIVER(pl011) = {.name = …}; at namespace scope. Its library is linked
/// with link_whole, since nothing refers to the record by name.
#define DRUPE_DRIVER(identifier)                                                                   \
    extern const ::drupe::drivers::Driver drupe_driver_##identifier;                               \
    [[gnu::used, gnu::section("drupe_drivers")]] constinit const ::drupe::drivers::Driver* const   \
        drupe_driver_entry_##identifier = &drupe_driver_##identifier;                              \
    constinit const ::drupe::drivers::Driver drupe_driver_##identifier
