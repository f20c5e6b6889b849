// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/format.h>
#include <drupe/virtio/bus.h>

namespace drupe::virtio {
namespace {

struct BusNode {
    drivers::DeviceNode node{};
    char model[24];
};

} // namespace

Result<void> emit_device(drivers::DeviceNode& parent, std::uint32_t device_id, Transport& transport,
                         drivers::NodeSink& sink) {
    BusNode& made = *TRY(make_own<BusNode>()).leak();
    made.node.compatible = format_into(made.model, "virtio,device{:x}", device_id);
    made.node.name = parent.name;
    made.node.parent = &parent;
    made.node.transport = &transport;
    for (unsigned i = 0; i < parent.interrupt_count; i++)
        made.node.interrupts[made.node.interrupt_count++] = parent.interrupts[i];
    sink.emit(made.node);
    return {};
}

} // namespace drupe::virtio
