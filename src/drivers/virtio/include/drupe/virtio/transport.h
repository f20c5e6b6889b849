// SPDX-License-Identifier: BSD-2-Clause
// How a virtio device is reached: registers in memory, PCI, or a test's fake. What is the same over
// all of them stands below as functions.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/virtio/queue.h>

#include <cstddef>
#include <cstdint>

namespace drupe::virtio {

class Transport {
public:
    /// Runs with interrupts masked. `queue`: which one has completions; any_queue: look at all.
    /// Runs also when a field has changed, with the first queue or any.
    using Handler = void (*)(void* context, std::uint16_t queue);
    static constexpr std::uint16_t any_queue = 0xffff;

    virtual bool is_legacy() const = 0;
    /// Queues have queue_limit() entries, not fewer.
    virtual bool has_fixed_queues() const { return false; }
    virtual std::uint64_t offered_features() = 0;
    virtual void accept_features(std::uint64_t features) = 0;
    virtual std::uint8_t status() = 0;
    /// 0 resets the device; it is quiet afterwards.
    virtual void set_status(std::uint8_t status) = 0;
    /// The most entries queue `queue` can have; 0: there is no such queue.
    virtual std::uint16_t queue_limit(std::uint16_t queue) = 0;
    /// io: the device refuses; invalid: it cannot reach that memory.
    virtual Result<void> set_queue(std::uint16_t queue, const QueuePlace& place) = 0;
    virtual void notify(std::uint16_t queue) = 0;
    /// One field of the device's own registers, `width` 1, 2 or 4 bytes, aligned.
    virtual std::uint32_t read_field(std::size_t offset, unsigned width) = 0;
    /// The same to one of 4 bytes.
    virtual void write_field(std::size_t offset, std::uint32_t value) = 0;
    /// Changes whenever a field does. Constant on legacy devices.
    virtual std::uint32_t field_generation() = 0;
    /// Once, before the device is ready. not_supported: there is no interrupt.
    virtual Result<void> attach(Handler handler, void* context) = 0;

protected:
    ~Transport() = default;
};

/// [virtio] "Reserved Feature Bits"
enum Feature : std::uint64_t {
    feature_indirect = 1ull << 28,
    feature_event_index = 1ull << 29,
    feature_version_1 = 1ull << 32,
    feature_packed = 1ull << 34,
};

/// Resets the device and agrees on features: those of `wanted` that it offers, and what the rings
/// need. Returns what was agreed. not_supported: the device insists on something else.
Result<std::uint64_t> negotiate(Transport& transport, std::uint64_t wanted);
/// The device may begin. After the queues are set.
void start(Transport& transport);
/// Tells the device that it is not used any more.
void give_up(Transport& transport);

/// A 64-bit field, both halves of one time.
std::uint64_t read_field64(Transport& transport, std::size_t offset);

/// A queue of the device with memory of its own, at most `size` long, split or packed as `features`
/// say. `table_entries` as in Queue::Shape, if they allow it. The queue and its memory live for
/// ever: what a device has been told of cannot be taken back for sure. not_found: no such queue;
/// no_memory, io, invalid.
Result<Queue*> make_queue(Transport& transport, std::uint16_t queue, std::uint16_t size,
                          std::uint16_t table_entries, std::uint64_t features);

} // namespace drupe::virtio
