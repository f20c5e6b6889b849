// SPDX-License-Identifier: BSD-2-Clause
// virtio over PCI ([virtio] "Virtio Over PCI Bus"): finds what a function is and gives it the
// transport that fits. One that can be modern is.
#include "pci_transport.h"

#include <drupe/virtio/bus.h>

#include <algorithm>

namespace drupe::virtio {

void PciTransport::take_device(std::uint8_t status) {
    constexpr std::uint8_t driver = 2, failed = 128;
    function_.set_bus_master((status & driver) != 0 && (status & failed) == 0);
}

void PciTransport::start_messages(drivers::MapDevice map_device) {
    vectors_ = function_.start_messages(map_device).value_or(0);
}

std::uint16_t PciTransport::vector_for(std::uint16_t queue) {
    if (vectors_ == 0) return no_vector;
    Vector& own = vector_of_[queue];
    own = {this, queue};
    if (queue < vectors_ && function_.attach_message(queue, on_message, &own, queue)) return queue;
    if (queue == 0) {
        function_.stop_messages();
        vectors_ = 0;
        return no_vector;
    }
    vector_of_[0].queue = any_queue;
    return 0;
}

Result<void> PciTransport::attach(Handler handler, void* context) {
    handler_ = handler;
    context_ = context;
    return vectors_ != 0 ? Result<void>{} : function_.attach_line(on_line, this);
}

void PciTransport::on_message(void* vector) {
    const Vector& from = *static_cast<Vector*>(vector);
    if (from.self->handler_) from.self->handler_(from.self->context_, from.queue);
}

void PciTransport::on_line(void* self) {
    auto& device = *static_cast<PciTransport*>(self);
    if (device.take_line()) device.handler_(device.context_, any_queue);
}

namespace {

constexpr std::uint16_t first_device = 0x1000, first_modern = 0x1040, last_device = 0x107f;
constexpr unsigned subsystem = 0x2c;

Result<void> scan(drivers::DeviceNode& node, drivers::MapDevice map_device,
                  drivers::NodeSink& sink) {
    if (!node.function) return Errc::invalid;
    pci::Function& function = *node.function;
    const std::uint16_t device = function.device();
    if (device < first_device || device > last_device) return Errc::not_supported;
    const std::uint32_t id =
        device >= first_modern ? device - first_modern : function.read(subsystem) >> 16;
    Transport* transport = nullptr;
    if (auto modern = make_modern(function, map_device))
        transport = modern.value();
    else if (device >= first_modern || modern.error() != Errc::not_found)
        return modern.error();
    else
        transport = TRY(make_legacy(function, map_device));
    return emit_device(node, id, *transport, sink);
}

constexpr std::string_view models[] = {"pci1af4"};

} // namespace

DRUPE_DRIVER(virtio_pci) = {"virtio-pci", models,  drivers::DeviceClass::bus,
                            nullptr,      nullptr, scan};

} // namespace drupe::virtio
