// SPDX-License-Identifier: BSD-2-Clause
// The bus that virtio devices are on, whatever leads to them. Their models are "virtio,deviceN",
// N being the device's number in hexadecimal ([linux] bindings "virtio/virtio-device.yaml").
#pragma once

#include <drupe/drivers/device.h>
#include <drupe/virtio/transport.h>

namespace drupe::virtio {

/// Emits the device behind `parent`, whose interrupts it shows. no_memory.
Result<void> emit_device(drivers::DeviceNode& parent, std::uint32_t device_id, Transport& transport,
                         drivers::NodeSink& sink);

/// The same for a transport made for it, which the node then owns.
template <class T>
Result<void> emit(drivers::DeviceNode& parent, std::uint32_t device_id, OwnPtr<T> transport,
                  drivers::NodeSink& sink) {
    TRY(emit_device(parent, device_id, *transport, sink));
    static_cast<void>(transport.leak());
    return {};
}

} // namespace drupe::virtio
