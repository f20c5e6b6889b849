// SPDX-License-Identifier: BSD-2-Clause
// Brings nodes and drivers together. Buses emit nodes into it, those behind other buses too; what a
// driver makes of a node goes to the sink. Nothing here fails: a device that cannot be driven costs
// a line. Context of all: the one thread that boots.
#pragma once

#include <drupe/drivers/device.h>

#include <span>

namespace drupe::drivers {

class Binder final : public NodeSink {
public:
    using DeviceSink = void (*)(OwnPtr<Device> device);
    Binder(MapDevice map_device, DeviceSink sink) : map_device_(map_device), sink_(sink) {}

    /// Probes the node, or puts it off while what it needs is not there yet (would_block). The node
    /// lives for ever.
    void emit(DeviceNode& node) override;
    /// Tries again what was put off, as long as that leads anywhere, and reports what never came.
    void finish();

private:
    void probe(DeviceNode& node);
    MapDevice map_device_;
    DeviceSink sink_;
    DeviceNode* waiting_ = nullptr; // chained through next_waiting
};

/// The nodes that buses found behind the given one, oldest first; null: no more.
const DeviceNode* first_child(const DeviceNode& parent);
const DeviceNode* next_child(const DeviceNode& child);

/// One line about a node as it stands, indented by its depth: name, model, driver, interrupts.
void report_node(const DeviceNode& node, unsigned depth);

} // namespace drupe::drivers
