// SPDX-License-Identifier: BSD-2-Clause
// [virtio] "Split Virtqueues": descriptors, and a ring in each direction that names them.
#pragma once

#include <drupe/virtio/queue.h>

namespace drupe::virtio {

class SplitQueue final : public Queue {
public:
    /// The memory that a queue of this shape takes.
    static std::size_t bytes_needed(const Shape& shape);
    /// `memory`: zeros, aligned to 4096, at `at` for the device, as long as the queue lives.
    /// no_memory; invalid: the shape is none, or the memory too small.
    static Result<OwnPtr<SplitQueue>> create(const Shape& shape, std::span<std::byte> memory,
                                             PhysAddr at);
    ~SplitQueue() override;

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
    std::uint16_t next_ = 0;      // available index to come
    std::uint16_t published_ = 0; // as the device sees it
    std::uint16_t last_used_ = 0; // used index looked at
};

} // namespace drupe::virtio
