// SPDX-License-Identifier: BSD-2-Clause
// A kind of machine: how an image learns what it runs on, and what only the machine as a whole can
// do. An image links a set of platforms; the first that matches what the boot code was handed is
// used. The order of calls is the order of the fields.
#pragma once

#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/drivers/machine.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::platform {

/// What the entry code was handed.
struct BootInfo {
    /// The flattened device tree at an address where 2 MiB from it on, or up to the end of RAM, can
    /// be read for as long as the kernel runs; null when there is none. Its frames are not in
    /// MachineInfo::reserved; device_tree_bytes() tells how many they are.
    const void* device_tree;
};

enum class ExitReason : std::uint8_t { finished, failed };

struct Platform {
    std::string_view name;

    /// Whether this is such a machine. Touches no device.
    bool (*matches)(const BootInfo&);
    /// Reads the firmware's description, once; nothing is allocated. What comes later uses it.
    /// corrupt: it cannot be understood.
    Result<const drivers::MachineInfo*> (*describe)(const BootInfo&);
    /// Output before there is memory. `early_map` reaches device registers through whatever mapping
    /// the boot code has. not_found: the machine has no console that a driver knows.
    Result<drivers::Console*> (*early_console)(drivers::MapDevice early_map);

    // From here on memory can be allocated and `map_device` is the kernel's.

    /// The console again, as a device with input. not_found, no_memory.
    Result<drivers::Console*> (*console)(drivers::MapDevice map_device);
    /// Installs the interrupt controller, brings up this CPU's part of it and attaches its timer
    /// interrupt to `on_timer`. not_found: the firmware names no controller or timer we know.
    /// Interrupts masked.
    Result<void> (*attach_core)(drivers::MapDevice map_device, irq::Handler on_timer);
    /// Makes devices of all nodes that are not in use yet and gives each to `found`; what cannot be
    /// driven costs a line. Once. Context: thread.
    using DeviceSink = void (*)(OwnPtr<drivers::Device>);
    void (*enumerate)(drivers::MapDevice map_device, DeviceSink found);
    /// A line in the log for each device of the machine: its driver, its interrupts.
    void (*report_devices)();
    /// The part of attach_core() that each further CPU does for itself: its interface to the
    /// interrupt controller, its timer interrupt. io, no_device, not_supported. On that CPU,
    /// interrupts masked.
    Result<void> (*attach_cpu)();
    /// `hardware_id` as in MachineInfo::cpus; the CPU begins at `entry`, MMU off, what its
    /// registers hold depends on how it is started. busy, no_device, not_supported, io.
    Result<void> (*start_cpu)(std::uint64_t hardware_id, PhysAddr entry);
    /// Time since 1970 from a hardware clock. not_found, io.
    Result<Nanos> (*wall_clock)(drivers::MapDevice map_device);
    /// Bytes of unpredictability the firmware gave, copied to the front of `to`; how many.
    std::size_t (*seed_entropy)(std::span<std::byte> to);

    /// Return only where the machine cannot do it.
    void (*power_off)(ExitReason);
    void (*reboot)();
};

/// The bytes a device tree at `at` occupies (its header may claim more); corrupt: there is none.
Result<std::size_t> device_tree_bytes(const void* at);

/// A machine that a device tree describes: QEMU virt and everything that follows its manners.
extern const Platform virt;

} // namespace drupe::platform
