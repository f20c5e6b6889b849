// SPDX-License-Identifier: BSD-2-Clause
// A virtqueue ([virtio] "Virtqueues"): requests to a device, and their return, whatever the ring
// looks like. Knows no transport and allocates no memory that the device sees. The device is not
// trusted: what it returns is checked against a private record of what was given to it, and one
// that lies is not listened to any more.
//
// Not locked: one caller at a time. Context: any.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace drupe::virtio {

/// Memory as the device addresses it.
struct Piece {
    PhysAddr at;
    std::uint32_t bytes;
};

/// Where a queue's parts lie, for the transport to tell the device. Of a packed one: its ring, what
/// the driver says about interrupts, what the device says about notifications.
struct QueuePlace {
    PhysAddr descriptors, available, used;
    std::uint16_t size;
};

class Queue {
public:
    struct Shape {
        std::uint16_t size;           // requests' pieces that fit, a power of two
        std::uint16_t used_alignment; // 4; 4096 for a legacy device, which gets one address
        std::uint16_t table_entries;  // of each request's indirect table; 0: none are used
        bool has_event_index;
    };
    virtual ~Queue() = default;
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    virtual QueuePlace place() const = 0;

    /// Prepares a request: pieces for the device to read, then pieces for it to write. The owner
    /// comes back with its completion. no_space: not now; too_big: never.
    virtual Result<void> add(std::span<const Piece> readable, std::span<const Piece> writable,
                             void* owner) = 0;
    /// Shows the device what was added. True: it wants to be notified.
    [[nodiscard]] virtual bool publish() = 0;

    struct Completion {
        void* owner;
        std::uint32_t written; // bytes, at most those the request offered
    };
    /// A finished request; nothing when there is none. io: the device returned what it was not
    /// given, now or before.
    virtual Result<std::optional<Completion>> take() = 0;
    /// Asks for an interrupt at the next completion. True: one has come meanwhile, take it first.
    [[nodiscard]] virtual bool expect_interrupt() = 0;
    virtual void silence_interrupts() = 0;

    /// Ends the use of the queue. The owner of a request that the device still has; null: none is
    /// left. The device has been reset, or is beyond trust.
    virtual void* abandon() = 0;
    bool is_broken() const { return is_broken_; }
    std::uint16_t in_flight() const { return in_flight_; }

protected:
    Queue() = default;
    bool is_broken_ = false;
    std::uint16_t in_flight_ = 0; // requests
};

} // namespace drupe::virtio
