// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/cache.h>
#include <drupe/mm/frames.h>
#include <drupe/virtio/packed_queue.h>
#include <drupe/virtio/split_queue.h>
#include <drupe/virtio/transport.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace drupe::virtio {
namespace {

// [virtio] "Device Status Field"
enum : std::uint8_t {
    status_acknowledge = 1,
    status_driver = 2,
    status_driver_ok = 4,
    status_features_ok = 8,
    status_failed = 128
};

void add_status(Transport& transport, std::uint8_t bits) {
    transport.set_status(static_cast<std::uint8_t>(transport.status() | bits));
}

} // namespace

Result<std::uint64_t> negotiate(Transport& transport, std::uint64_t wanted) {
    transport.set_status(0);
    add_status(transport, status_acknowledge);
    add_status(transport, status_driver);
    wanted |= feature_indirect | feature_event_index;
    if (!transport.is_legacy()) wanted |= feature_version_1 | feature_packed;
    const std::uint64_t agreed = transport.offered_features() & wanted;
    if (!transport.is_legacy() && (agreed & feature_version_1) == 0) return Errc::not_supported;
    transport.accept_features(agreed);
    if (transport.is_legacy()) return agreed;
    add_status(transport, status_features_ok);
    if ((transport.status() & status_features_ok) == 0) return Errc::not_supported;
    return agreed;
}

void start(Transport& transport) { add_status(transport, status_driver_ok); }
void give_up(Transport& transport) { add_status(transport, status_failed); }

std::uint64_t read_field64(Transport& transport, std::size_t offset) {
    std::uint64_t value = 0;
    // A device that never comes to rest gets its last word; nothing relies on it being right.
    for (unsigned tries = 0; tries < 100; tries++) {
        const std::uint32_t before = transport.field_generation();
        value = transport.read_field(offset, 4) | std::uint64_t{transport.read_field(offset + 4, 4)}
                                                      << 32;
        if (transport.field_generation() == before) break;
    }
    return value;
}

namespace {

template <class Ring>
Result<Queue*> make_ring(Transport& transport, std::uint16_t queue, const Queue::Shape& shape) {
    const std::size_t pages = PageCount::covering(Ring::bytes_needed(shape)).n;
    const auto order = static_cast<unsigned>(std::bit_width(pages - 1));
    const PhysAddr memory = TRY(mm::alloc_frames(order));
    auto* const bytes = static_cast<std::byte*>(mm::phys_to_virt(memory));
    const std::size_t count = page_size << order;
    std::memset(bytes, 0, count);
    auto made = Ring::create(shape, {bytes, count}, memory);
    if (!made) {
        mm::free_frames(memory, order);
        return made.error();
    }
    Queue* const ring = std::move(made).value().leak();
    TRY(transport.set_queue(queue, ring->place()));
    return ring;
}

} // namespace

Result<Queue*> make_queue(Transport& transport, std::uint16_t queue, std::uint16_t size,
                          std::uint16_t table_entries, std::uint64_t features) {
    const std::uint16_t limit = transport.queue_limit(queue);
    if (limit == 0) return Errc::not_found;
    const Queue::Shape shape{
        .size = transport.has_fixed_queues() ? limit : std::bit_floor(std::min(size, limit)),
        .used_alignment = static_cast<std::uint16_t>(transport.is_legacy() ? 4096 : 4),
        .table_entries = (features & feature_indirect) ? table_entries : std::uint16_t{0},
        .has_event_index = (features & feature_event_index) != 0};
    return (features & feature_packed) ? make_ring<PackedQueue>(transport, queue, shape)
                                       : make_ring<SplitQueue>(transport, queue, shape);
}

} // namespace drupe::virtio
