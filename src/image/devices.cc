// SPDX-License-Identifier: BSD-2-Clause
#include "devices.h"

#include "console_device.h"
#include "firmware_files.h"
#include "machine_state.h"
#include "power_key.h"

#include <drupe/block/disk.h>
#include <drupe/entropy/random.h>
#include <drupe/share/device.h>
#include <drupe/trace/log.h>

namespace drupe::image {
namespace {

void take_random_bytes(std::span<const std::byte> bytes) {
    entropy::add(bytes, entropy::Quality::seed);
}

constexpr std::string_view status_label = "org.drupe.status";

void use_ports(drivers::Device& device) {
    static constinit std::uint32_t number = 0; // of devices with ports
    for (tty::PortDevice* port = device.next_port(nullptr); port; port = device.next_port(port)) {
        if (state.options.status_on_console && port->label() == status_label) {
            port->set_open(true);
            state.status_port = port; // the kernel's own: no program speaks there
        } else if (!tty::add_port(*port, number)) {
            log(LogLevel::error, "a port is left out: there is too little memory");
        }
    }
    number += device.next_port(nullptr) != nullptr;
}

/// Devices live as long as the machine.
void use(OwnPtr<drivers::Device> owned) {
    drivers::Device& device = *owned.leak();
    // The program does not wait for it: getrandom does, while there is no other seed.
    if (drivers::EntropySource* source = device.entropy())
        static_cast<void>(source->request(take_random_bytes));
    if (share::Device* folder = device.share()) share::Device::add(*folder);
    if (drivers::PowerKey* key = device.power_key(); key && !key->enable(on_power_key))
        log(LogLevel::warning, "the power key does nothing: its interrupt cannot be had");
    if (drivers::PanicListener* listener = device.panic_listener()) state.panic_listener = listener;
    if (drivers::FirmwareItems* items = device.firmware_items()) offer_firmware_files(*items);
    // One that the firmware names, and that a driver knows, was there before.
    if (drivers::Console* console = device.console(); console && !state.console)
        state.use_console(*console);
    if (drivers::Console* console = device.host_console()) take_host_console(*console);
    use_ports(device);
    unsigned n = 0;
    while (block::BlockDevice* disk = device.block(n++))
        if (!block::add_disk(*disk, "vd"))
            log(LogLevel::error,
                "a disk is left out: there is too little memory, or too many disks");
}

} // namespace

void start_devices() {
    block::register_statistics();
    state.platform->enumerate(state.map_registers, use);
    if (!state.options.devices) return;
    trace::set_console_level(LogLevel::notice); // asked for, also of a quiet kernel
    state.platform->report_devices();
    if (state.options.quiet) trace::set_console_level(LogLevel::error);
}

} // namespace drupe::image
