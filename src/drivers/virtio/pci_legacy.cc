// SPDX-License-Identifier: BSD-2-Clause
// [virtio] "Legacy Interfaces: A Note on PCI Device Layout".
#include "pci_transport.h"

#include <drupe/arch/barrier.h>

namespace drupe::virtio {
namespace {

enum Register : std::size_t {
    device_features = 0x00,
    driver_features = 0x04,
    queue_page = 0x08,
    queue_size = 0x0c,
    queue_select = 0x0e,
    queue_notify = 0x10,
    status_register = 0x12,
    isr = 0x13,
    config_vector = 0x14, // these two only while messages are on
    queue_vector = 0x16,
    fields = 0x14, // behind them
};
constexpr std::size_t vector_bytes = 4;

class Legacy final : public PciTransport {
public:
    explicit Legacy(pci::Function& function) : PciTransport(function) {}

    Result<void> init(pci::Function& function, drivers::MapDevice map_device) {
        bytes_ = static_cast<std::size_t>(function.bar(0).bytes);
        if (function.bar(0).space != pci::Space::io || bytes_ < fields + vector_bytes)
            return Errc::not_found;
        base_ = static_cast<volatile char*>(TRY(function.map(0, 0, bytes_, map_device)));
        start_messages(map_device);
        return {};
    }

    bool is_legacy() const override { return true; }
    bool has_fixed_queues() const override { return true; }
    std::uint64_t offered_features() override { return get<std::uint32_t>(base_, device_features); }
    void accept_features(std::uint64_t features) override {
        put(base_, driver_features, static_cast<std::uint32_t>(features));
        if (has_messages()) put(base_, config_vector, no_vector);
    }
    std::uint8_t status() override { return get<std::uint8_t>(base_, status_register); }
    void set_status(std::uint8_t value) override {
        put(base_, status_register, value);
        take_device(value);
    }
    std::uint16_t queue_limit(std::uint16_t queue) override {
        if (queue >= max_queues) return 0;
        put(base_, queue_select, queue);
        const bool is_taken = get<std::uint32_t>(base_, queue_page) != 0;
        return is_taken ? std::uint16_t{0} : get<std::uint16_t>(base_, queue_size);
    }
    Result<void> set_queue(std::uint16_t queue, const QueuePlace& place) override {
        const std::uint64_t page = raw(place.descriptors) >> page_shift;
        if (page >> 32 != 0) return Errc::invalid;
        put(base_, queue_select, queue);
        if (const std::uint16_t vector = vector_for(queue); vector != no_vector) {
            put(base_, queue_vector, vector);
            if (queue == 0) put(base_, config_vector, vector);
            if (get<std::uint16_t>(base_, queue_vector) != vector) return Errc::io;
        }
        put(base_, queue_page, static_cast<std::uint32_t>(page));
        return {};
    }
    void notify(std::uint16_t queue) override {
        // What the queue's memory holds, before the device is made to look there.
        arch::barrier_dma_full();
        put(base_, queue_notify, queue);
    }
    std::uint32_t read_field(std::size_t offset, unsigned width) override {
        offset += fields + (has_messages() ? vector_bytes : 0);
        return offset + width > bytes_ ? 0 : get_field(base_ + offset, width);
    }
    void write_field(std::size_t offset, std::uint32_t value) override {
        offset += fields + (has_messages() ? vector_bytes : 0);
        if (offset + 4 <= bytes_) put(base_, offset, value);
    }
    std::uint32_t field_generation() override { return 0; }

private:
    bool take_line() override { return (get<std::uint8_t>(base_, isr) & 3) != 0; }

    volatile char* base_ = nullptr;
    std::size_t bytes_ = 0;
};

} // namespace

Result<Transport*> make_legacy(pci::Function& function, drivers::MapDevice map_device) {
    auto made = TRY(make_own<Legacy>(function));
    TRY(made->init(function, map_device));
    return made.leak();
}

} // namespace drupe::virtio
