// SPDX-License-Identifier: BSD-2-Clause
#include "devices.h"

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
    // One that the firmware names, and that a driver knows, was there before.
    if (drivers::Console* console = device.console(); console && !state.console)
        state.use_console(*console);
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
