// SPDX-License-Identifier: BSD-2-Clause
// [virtio] "Packed Virtqueues": one ring of descriptors that both sides write. Which round of the
// ring a descriptor belongs to, and whose turn it is, say two of its flags.
#pragma once

#include <drupe/virtio/queue.h>

namespace drupe::virtio {

class PackedQueue final : public Queue {
public:
    /// As SplitQueue's; used_alignment counts for nothing.
    static std::size_t bytes_needed(const Shape& shape);
    static Result<OwnPtr<PackedQueue>> create(const Shape& shape, std::span<std::byte> memory,
                                              PhysAddr at);
    ~PackedQueue() override;

    QueuePlace place() const override;
    Result<void> add(std::span<const Piece> readable, std::span<const Piece> writable,
                     void* owner) override;
    [[nodiscard]] bool publish() override;
    Result<std::optional<Completion>> take() override;
    [[nodiscard]] bool expect_interrupt() override;
    void silence_interrupts() override;
    void* abandon() override;

private:
    struct Descriptor;
    struct Events;
    /// What the device cannot change. A request is known by its number, which is free while `owner`
    /// is null.
    struct Record {
        void* owner = nullptr;
        std::uint32_t writable = 0;
        std::uint16_t next = 0;  // of the free ones
        std::uint16_t count = 0; // descriptors of the request
    };
    /// A place in the ring, and the round's parity.
    struct Position {
        std::uint16_t index = 0;
        bool wrap = true;
    };
    PackedQueue(const Shape& shape, std::byte* memory, PhysAddr at, Record* records);
    Descriptor* ring() const { return reinterpret_cast<Descriptor*>(memory_); }
    Events* driver_events() const;
    const Events* device_events() const;
    Descriptor* table_of(std::uint16_t number) const;
    void put(const Piece& piece, std::uint16_t number, std::uint16_t flags);
    void put_table(std::span<const Piece> readable, std::span<const Piece> writable,
                   std::uint16_t number);
    void step(Position& position, std::uint16_t count) const;
    bool is_used(Position position) const;
    bool wants_notice(std::uint16_t added) const;
    void give_back(std::uint16_t number);

    const Shape shape_;
    std::byte* const memory_;
    const PhysAddr at_;
    Record* const records_;
    std::uint16_t free_ = 0;        // first free number
    std::uint16_t free_count_;      // descriptors
    Position next_;                 // to be made available
    Position first_;                // of those that were added and not published
    std::uint16_t first_flags_ = 0; // with which it is published
    std::uint16_t unpublished_ = 0; // descriptors
    Position last_used_;            // to be looked at
};

} // namespace drupe::virtio
