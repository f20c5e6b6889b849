// SPDX-License-Identifier: BSD-2-Clause
// A split virtqueue ([virtio] "Split Virtqueues"): requests to a device, and their return. Knows no
// transport and allocates no memory that the device sees. The device is not trusted: what it
// returns is checked against a private record of what was given to it, and one that lies is not
// listened to any more.
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

/// Where a queue's parts lie, for the transport to tell the device.
struct QueuePlace {
    PhysAddr descriptors, available, used;
    std::uint16_t size;
};

class SplitQueue {
public:
    struct Shape {
        std::uint16_t size;           // requests' pieces that fit, a power of two
        std::uint16_t used_alignment; // 4; 4096 for a legacy device, which gets one address
        std::uint16_t table_entries;  // of each request's indirect table; 0: none are used
        bool has_event_index;
    };
    /// The memory that a queue of this shape takes.
    static std::size_t bytes_needed(const Shape& shape);
    /// `memory`: zeros, aligned to 4096, at `at` for the device, as long as the queue lives.
    /// no_memory; invalid: the shape is none, or the memory too small.
    static Result<OwnPtr<SplitQueue>> create(const Shape& shape, std::span<std::byte> memory,
                                             PhysAddr at);
    ~SplitQueue();
    SplitQueue(const SplitQueue&) = delete;
    SplitQueue& operator=(const SplitQueue&) = delete;

    QueuePlace place() const;

    /// Prepares a request: pieces for the device to read, then pieces for it to write. The owner
    /// comes back with its completion. no_space: not now; too_big: never.
    Result<void> add(std::span<const Piece> readable, std::span<const Piece> writable, void* owner);
    /// Shows the device what was added. True: it wants to be notified.
    [[nodiscard]] bool publish();

    struct Completion {
        void* owner;
        std::uint32_t written; // bytes, at most those the request offered
    };
    /// A finished request; nothing when there is none. io: the device returned what it was not
    /// given, now or before.
    Result<std::optional<Completion>> take();
    /// Asks for an interrupt at the next completion. True: one has come meanwhile, take it first.
    [[nodiscard]] bool expect_interrupt();
    void silence_interrupts();

    /// Ends the use of the queue. The owner of a request that the device still has; null: none is
    /// left. The device has been reset, or is beyond trust.
    void* abandon();
    bool is_broken() const { return is_broken_; }
    std::uint16_t in_flight() const { return in_flight_; }

private:
    struct Descriptor;
    struct UsedEntry;
    /// What the device cannot change. A request is known by its first descriptor.
    struct Record {
        void* owner = nullptr;
        std::uint32_t writable = 0;
        std::uint16_t next = 0;  // of the chain, or of the free ones
        std::uint16_t count = 0; // descriptors of the request
    };
    SplitQueue(const Shape& shape, std::byte* memory, PhysAddr at, Record* records);
    Descriptor* table_of(std::uint16_t head);
    void fill(Descriptor* table, std::uint16_t index, const Piece& piece, std::uint16_t flags,
              std::uint16_t next);
    std::uint16_t take_descriptor();
    void give_back(std::uint16_t head);
    std::uint16_t* available_word(std::size_t index) const;
    std::uint16_t* used_word(std::size_t index) const;
    void break_down();

    const Shape shape_;
    std::byte* const memory_;
    const PhysAddr at_;
    Record* const records_;
    std::uint16_t free_ = 0; // first free descriptor
    std::uint16_t free_count_;
    std::uint16_t in_flight_ = 0; // requests
    std::uint16_t next_ = 0;      // available index to come
    std::uint16_t published_ = 0; // as the device sees it
    std::uint16_t last_used_ = 0; // used index looked at
    bool is_broken_ = false;
};

} // namespace drupe::virtio
