// SPDX-License-Identifier: BSD-2-Clause
// From a device tree to a MachineInfo, in one walk.
#pragma once

#include <drupe/drivers/fdt.h>
#include <drupe/drivers/machine.h>

namespace drupe::fdt {

/// A node's interrupts until its controller is known, which may come later in the tree.
struct PendingInterrupts {
    Bytes value;
    std::uint32_t parent;
    bool extended; // each entry begins with its own controller
};
/// Work space of a reading; too large for a kernel stack.
struct Scratch {
    Walker walker;
    PendingInterrupts pending[decltype(drivers::MachineInfo::devices)::capacity] = {};
};

/// Fills `machine` (fresh) from the tree; only devices that have a driver are listed. What
/// `machine` then holds points into `blob`. corrupt: no usable tree. A sound tree without memory or
/// interrupt controller is no error here: the caller sees what is missing.
Result<void> describe_machine(Bytes blob, Scratch& scratch, drivers::MachineInfo& machine);

} // namespace drupe::fdt
