// SPDX-License-Identifier: BSD-2-Clause
// virtio over registers in memory ([virtio] "Virtio Over MMIO"), version 2 and the legacy
// version 1.
#include <drupe/arch/barrier.h>
#include <drupe/arch/io.h>
#include <drupe/drivers/device.h>
#include <drupe/virtio/bus.h>

namespace drupe::virtio {
namespace {

enum Register : std::size_t {
    magic = 0x00,
    version = 0x04,
    device_id = 0x08,
    device_features = 0x10,
    device_features_select = 0x14,
    driver_features = 0x20,
    driver_features_select = 0x24,
    guest_page_size = 0x28, // legacy
    queue_select = 0x30,
    queue_limit = 0x34,
    queue_size = 0x38,
    queue_align = 0x3c, // legacy
    queue_page = 0x40,  // legacy
    queue_ready = 0x44,
    queue_notify = 0x50,
    interrupt_status = 0x60,
    interrupt_acknowledge = 0x64,
    status_register = 0x70,
    queue_descriptors = 0x80,
    queue_available = 0x90,
    queue_used = 0xa0,
    generation = 0xfc,
    fields = 0x100,
};
constexpr std::uint32_t magic_value = 0x74726976;

std::uint32_t read(volatile void* base, std::size_t offset) {
    return arch::mmio_read<std::uint32_t>(static_cast<volatile char*>(base) + offset);
}

class Mmio final : public Transport {
public:
    Mmio(volatile void* base, bool legacy, std::optional<drivers::Interrupt> interrupt)
        : base_(static_cast<volatile char*>(base)), is_legacy_(legacy), interrupt_(interrupt) {}

    bool is_legacy() const override { return is_legacy_; }
    std::uint64_t offered_features() override {
        put(device_features_select, 0);
        const std::uint64_t low = get(device_features);
        put(device_features_select, 1);
        return low | std::uint64_t{get(device_features)} << 32;
    }
    void accept_features(std::uint64_t features) override {
        put(driver_features_select, 0);
        put(driver_features, static_cast<std::uint32_t>(features));
        put(driver_features_select, 1);
        put(driver_features, static_cast<std::uint32_t>(features >> 32));
        if (is_legacy_) put(guest_page_size, page_size);
    }
    std::uint8_t status() override { return static_cast<std::uint8_t>(get(status_register)); }
    void set_status(std::uint8_t status) override { put(status_register, status); }
    std::uint16_t queue_limit(std::uint16_t queue) override {
        put(queue_select, queue);
        const bool is_taken = get(is_legacy_ ? queue_page : queue_ready) != 0;
        const std::uint32_t most = get(Register::queue_limit);
        return static_cast<std::uint16_t>(is_taken ? 0 : most < 0x8000 ? most : 0x8000);
    }
    Result<void> set_queue(std::uint16_t queue, const QueuePlace& place) override {
        put(queue_select, queue);
        put(queue_size, place.size);
        if (is_legacy_) {
            const std::uint64_t page = raw(place.descriptors) >> page_shift;
            if (page >> 32 != 0) return Errc::invalid;
            put(queue_align, page_size);
            put(queue_page, static_cast<std::uint32_t>(page));
            return {};
        }
        put_address(queue_descriptors, place.descriptors);
        put_address(queue_available, place.available);
        put_address(queue_used, place.used);
        put(queue_ready, 1);
        return get(queue_ready) == 1 ? Result<void>{} : Errc::io;
    }
    void notify(std::uint16_t queue) override {
        // What the queue's memory holds, before the device is made to look there.
        arch::barrier_dma_full();
        put(queue_notify, queue);
    }
    std::uint32_t read_field(std::size_t offset, unsigned width) override {
        volatile char* const at = base_ + fields + offset;
        return width == 1   ? arch::mmio_read<std::uint8_t>(at)
               : width == 2 ? arch::mmio_read<std::uint16_t>(at)
                            : arch::mmio_read<std::uint32_t>(at);
    }
    void write_field(std::size_t offset, std::uint32_t value) override {
        put(fields + offset, value);
    }
    std::uint32_t field_generation() override { return is_legacy_ ? 0 : get(generation); }
    Result<void> attach(Handler handler, void* context) override {
        if (!interrupt_) return Errc::not_supported;
        handler_ = handler;
        context_ = context;
        return irq::attach(interrupt_->number, interrupt_->trigger, on_interrupt, this);
    }

private:
    static void on_interrupt(void* self) {
        auto& device = *static_cast<Mmio*>(self);
        // Acknowledge first: a completion that comes from here on raises the interrupt anew.
        device.put(interrupt_acknowledge, device.get(interrupt_status));
        device.handler_(device.context_, any_queue);
    }
    std::uint32_t get(std::size_t offset) const { return read(base_, offset); }
    void put(std::size_t offset, std::uint32_t value) const {
        arch::mmio_write<std::uint32_t>(base_ + offset, value);
    }
    void put_address(std::size_t offset, PhysAddr address) const {
        put(offset, static_cast<std::uint32_t>(raw(address)));
        put(offset + 4, static_cast<std::uint32_t>(raw(address) >> 32));
    }

    volatile char* const base_;
    const bool is_legacy_;
    const std::optional<drivers::Interrupt> interrupt_;
    Handler handler_ = nullptr;
    void* context_ = nullptr;
};

/// Machines have many slots, several to a page, most of them empty: the page stays mapped from one
/// to the next.
Result<volatile void*> map_slot(const drivers::DeviceNode& node, drivers::MapDevice map_device) {
    static constinit PhysAddr mapped_page{0};
    static constinit volatile char* mapped = nullptr;
    if (node.region_count == 0 || node.regions[0].bytes < fields) return Errc::invalid;
    const PhysAddr at = node.regions[0].base;
    const std::uint64_t within = raw(at) & page_mask;
    if (within + node.regions[0].bytes > page_size) return node.map(0, map_device);
    if (!mapped || mapped_page != align_down(at, page_size)) {
        mapped = static_cast<volatile char*>(TRY(map_device(align_down(at, page_size), page_size)));
        mapped_page = align_down(at, page_size);
    }
    return mapped + within;
}

Result<void> scan(drivers::DeviceNode& node, drivers::MapDevice map_device,
                  drivers::NodeSink& sink) {
    volatile void* const base = TRY(map_slot(node, map_device));
    if (read(base, magic) != magic_value) return Errc::io;
    const std::uint32_t which = read(base, version), id = read(base, device_id);
    if (id == 0) return {}; // an empty slot
    if (which != 1 && which != 2) return Errc::not_supported;
    std::optional<drivers::Interrupt> interrupt;
    if (node.interrupt_count > 0) interrupt = node.interrupts[0];
    auto transport = TRY(make_own<Mmio>(base, which == 1, interrupt));
    return emit(node, id, std::move(transport), sink);
}

constexpr std::string_view models[] = {"virtio,mmio"};

} // namespace

DRUPE_DRIVER(virtio_mmio) = {"virtio-mmio", models,  drivers::DeviceClass::bus,
                             nullptr,       nullptr, scan};

} // namespace drupe::virtio
