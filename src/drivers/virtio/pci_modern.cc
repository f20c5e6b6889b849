// SPDX-License-Identifier: BSD-2-Clause
// [virtio] "Virtio Structure PCI Capabilities".
#include "pci_transport.h"

#include <drupe/arch/barrier.h>
#include <drupe/arch/cpu.h>

#include <algorithm>

namespace drupe::virtio {
namespace {

enum Part : unsigned { common = 1, notification = 2, isr = 3, device = 4, part_count = 5 };
enum Register : std::size_t {
    device_feature_select = 0x00,
    device_feature = 0x04,
    driver_feature_select = 0x08,
    driver_feature = 0x0c,
    config_vector = 0x10,
    status_register = 0x14,
    generation = 0x15,
    queue_select = 0x16,
    queue_size = 0x18,
    queue_vector = 0x1a,
    queue_enable = 0x1c,
    queue_notify = 0x1e,
    queue_descriptors = 0x20,
    queue_available = 0x28,
    queue_used = 0x30,
    common_bytes = 0x38,
};
constexpr std::uint8_t cap_vendor = 0x09;

class Modern final : public PciTransport {
public:
    explicit Modern(pci::Function& function) : PciTransport(function) {}

    Result<void> init(pci::Function& function, drivers::MapDevice map_device) {
        for (unsigned at = function.capability(cap_vendor), n = 0; at != 0 && n < 48;
             at = function.capability(cap_vendor, at), n++)
            TRY(take_part(function, at, map_device));
        if (!parts_[common] || !parts_[notification] || !parts_[isr]) return Errc::not_found;
        if (bytes_[common] < common_bytes) return Errc::io;
        start_messages(map_device);
        return {};
    }

    bool is_legacy() const override { return false; }
    std::uint64_t offered_features() override {
        put32(device_feature_select, 0);
        const std::uint64_t lower = get<std::uint32_t>(parts_[common], device_feature);
        put32(device_feature_select, 1);
        return lower | std::uint64_t{get<std::uint32_t>(parts_[common], device_feature)} << 32;
    }
    void accept_features(std::uint64_t features) override {
        put32(driver_feature_select, 0);
        put32(driver_feature, static_cast<std::uint32_t>(features));
        put32(driver_feature_select, 1);
        put32(driver_feature, static_cast<std::uint32_t>(features >> 32));
        put16(config_vector, no_vector);
    }
    std::uint8_t status() override { return get<std::uint8_t>(parts_[common], status_register); }
    void set_status(std::uint8_t value) override {
        put<std::uint8_t>(parts_[common], status_register, value);
        // A reset is over when it can be read; one that does not end shows at the next step.
        for (unsigned tries = 0; value == 0 && status() != 0 && tries < 100'000; tries++)
            arch::cpu_relax();
        take_device(value);
    }
    std::uint16_t queue_limit(std::uint16_t queue) override {
        if (queue >= max_queues) return 0;
        put16(queue_select, queue);
        if (get16(queue_enable) != 0) return 0;
        return std::min<std::uint16_t>(get16(queue_size), 0x8000);
    }
    Result<void> set_queue(std::uint16_t queue, const QueuePlace& place) override {
        put16(queue_select, queue);
        const std::uint64_t at = std::uint64_t{get16(queue_notify)} * notify_step_;
        if (at + 2 > bytes_[notification]) return Errc::io;
        notify_[queue] = parts_[notification] + at;
        put16(queue_size, place.size);
        put_address(queue_descriptors, place.descriptors);
        put_address(queue_available, place.available);
        put_address(queue_used, place.used);
        const std::uint16_t vector = vector_for(queue);
        put16(queue_vector, vector);
        if (queue == 0) put16(config_vector, vector);
        if (get16(queue_vector) != vector) return Errc::io;
        put16(queue_enable, 1);
        return get16(queue_enable) == 1 ? Result<void>{} : Errc::io;
    }
    void notify(std::uint16_t queue) override {
        // What the queue's memory holds, before the device is made to look there.
        arch::barrier_dma_full();
        put<std::uint16_t>(notify_[queue], 0, queue);
    }
    std::uint32_t read_field(std::size_t offset, unsigned width) override {
        if (offset + width > bytes_[device]) return 0;
        return get_field(parts_[device] + offset, width);
    }
    void write_field(std::size_t offset, std::uint32_t value) override {
        if (offset + 4 <= bytes_[device]) put(parts_[device], offset, value);
    }
    std::uint32_t field_generation() override {
        return get<std::uint8_t>(parts_[common], generation);
    }

private:
    bool take_line() override { return (get<std::uint8_t>(parts_[isr], 0) & 3) != 0; }

    /// Of parts that come several times the first usable one counts.
    Result<void> take_part(pci::Function& function, unsigned at, drivers::MapDevice map_device) {
        constexpr std::uint32_t most = 0x10000;
        const unsigned part = function.read(at) >> 24;
        if (part < common || part >= part_count || parts_[part]) return {};
        const std::uint32_t offset = function.read(at + 8), offered = function.read(at + 12);
        if (offset % 4 != 0 || offered == 0) return {};
        const std::uint32_t bytes = std::min(offered, most);
        auto mapped = function.map(function.read(at + 4) & 0xff, offset, bytes, map_device);
        if (!mapped) return mapped.error() == Errc::not_found ? Result<void>{} : mapped.error();
        parts_[part] = static_cast<volatile char*>(mapped.value());
        bytes_[part] = bytes;
        if (part == notification) notify_step_ = function.read(at + 16);
        return {};
    }
    std::uint16_t get16(std::size_t offset) { return get<std::uint16_t>(parts_[common], offset); }
    void put16(std::size_t offset, std::uint16_t value) { put(parts_[common], offset, value); }
    void put32(std::size_t offset, std::uint32_t value) { put(parts_[common], offset, value); }
    void put_address(std::size_t offset, PhysAddr address) {
        put32(offset, static_cast<std::uint32_t>(raw(address)));
        put32(offset + 4, static_cast<std::uint32_t>(raw(address) >> 32));
    }

    volatile char* parts_[part_count] = {};
    std::uint32_t bytes_[part_count] = {};
    std::uint32_t notify_step_ = 0;
    volatile char* notify_[max_queues] = {};
};

} // namespace

Result<Transport*> make_modern(pci::Function& function, drivers::MapDevice map_device) {
    auto made = TRY(make_own<Modern>(function));
    TRY(made->init(function, map_device));
    return made.leak();
}

} // namespace drupe::virtio
