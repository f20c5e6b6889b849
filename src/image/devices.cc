// SPDX-License-Identifier: BSD-2-Clause
#include "devices.h"

#include "machine_state.h"

#include <drupe/trace/log.h>

namespace drupe::image {
namespace {

/// Devices live as long as the machine.
void use(OwnPtr<drivers::Device> device) { static_cast<void>(device.leak()); }

} // namespace

void start_devices() {
    state.platform->enumerate(state.map_registers, use);
    if (!state.options.devices) return;
    trace::set_console_level(LogLevel::notice); // asked for, also of a quiet kernel
    state.platform->report_devices();
    if (state.options.quiet) trace::set_console_level(LogLevel::error);
}

} // namespace drupe::image
