// SPDX-License-Identifier: BSD-2-Clause
// What modern and legacy functions have in common: a message for each queue, as far as there are
// any, else a line.
#pragma once

#include <drupe/arch/io.h>
#include <drupe/drivers/pci.h>
#include <drupe/virtio/transport.h>

namespace drupe::virtio {

class PciTransport : public Transport {
public:
    Result<void> attach(Handler handler, void* context) override;

protected:
    static constexpr std::uint16_t max_queues = 16;
    static constexpr std::uint16_t no_vector = 0xffff;

    explicit PciTransport(pci::Function& function) : function_(function) {}
    ~PciTransport() = default;
    /// Whether the interrupt of the line is this device's; quietens it.
    virtual bool take_line() = 0;

    void start_messages(drivers::MapDevice map_device);
    /// The message for a queue below max_queues; no_vector: the line is used.
    std::uint16_t vector_for(std::uint16_t queue);
    /// The device masters the bus while its status says that it is driven.
    void take_device(std::uint8_t status);
    bool has_messages() const { return vectors_ != 0; }

private:
    struct Vector {
        PciTransport* self;
        std::uint16_t queue;
    };
    static void on_message(void* vector);
    static void on_line(void* self);

    pci::Function& function_;
    unsigned vectors_ = 0;
    Vector vector_of_[max_queues] = {};
    Handler handler_ = nullptr;
    void* context_ = nullptr;
};

/// Registers of either kind, which are of different widths.
template <class T>
T get(volatile char* base, std::size_t offset) {
    return arch::mmio_read<T>(base + offset);
}
template <class T>
void put(volatile char* base, std::size_t offset, T value) {
    arch::mmio_write<T>(base + offset, value);
}
inline std::uint32_t get_field(volatile char* at, unsigned width) {
    return width == 1   ? get<std::uint8_t>(at, 0)
           : width == 2 ? get<std::uint16_t>(at, 0)
                        : get<std::uint32_t>(at, 0);
}

/// It lives for ever. not_found: it is none of that kind; no_memory.
Result<Transport*> make_modern(pci::Function& function, drivers::MapDevice map_device);
Result<Transport*> make_legacy(pci::Function& function, drivers::MapDevice map_device);

} // namespace drupe::virtio
