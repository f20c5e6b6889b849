// SPDX-License-Identifier: BSD-2-Clause
// Power by way of the firmware ([psci] DEN 0022), version 0.2 and later with its standard function
// numbers. Numbers that a device tree lists for version 0.1 are not looked at.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/drivers/machine.h>

#include <cstdint>

namespace drupe::drivers::psci {

struct Version {
    std::uint16_t major, minor;
};

/// Every function: not_supported when `conduit` is none.
Result<Version> version(Conduit conduit);
/// Starts the CPU at `entry` (physical) with `context` in its first register. busy: it runs
/// already; no_device: no such CPU; io: the firmware refuses.
Result<void> cpu_on(Conduit conduit, std::uint64_t hardware_id, PhysAddr entry,
                    std::uint64_t context);
/// Return only when the firmware does not carry them out.
Result<void> system_off(Conduit conduit);
Result<void> system_reset(Conduit conduit);

} // namespace drupe::drivers::psci
