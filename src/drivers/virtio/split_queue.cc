// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/barrier.h>
#include <drupe/virtio/split_queue.h>

#include <atomic>
#include <bit>
#include <new>

namespace drupe::virtio {

// [virtio] "The Virtqueue Descriptor Table", "The Virtqueue Used Ring". Little-endian, as we are.
struct SplitQueue::Descriptor {
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint16_t flags;
    std::uint16_t next;
};
struct SplitQueue::UsedEntry {
    std::uint32_t id;
    std::uint32_t bytes;
};

namespace {

static_assert(std::endian::native == std::endian::little);
enum : std::uint16_t { flag_next = 1, flag_write = 2, flag_indirect = 4 };
enum : std::uint16_t { no_interrupt = 1, no_notify = 1 };
constexpr std::size_t flags_word = 0, index_word = 1, ring_word = 2; // of both rings

// Each is written on one side while the other reads it.
std::uint16_t load(const std::uint16_t* word) {
    return std::atomic_ref(*const_cast<std::uint16_t*>(word)).load(std::memory_order_relaxed);
}
void store(std::uint16_t* word, std::uint16_t value) {
    std::atomic_ref(*word).store(value, std::memory_order_relaxed);
}

std::size_t available_offset(const SplitQueue::Shape& s) { return std::size_t{s.size} * 16; }
std::size_t used_offset(const SplitQueue::Shape& s) {
    return align_up(available_offset(s) + 2 * (3 + std::size_t{s.size}), s.used_alignment);
}
std::size_t tables_offset(const SplitQueue::Shape& s) {
    return align_up(used_offset(s) + 6 + std::size_t{s.size} * 8, 16);
}
std::size_t table_bytes(const SplitQueue::Shape& s) { return std::size_t{s.table_entries} * 16; }

} // namespace

std::size_t SplitQueue::bytes_needed(const Shape& s) {
    return tables_offset(s) + s.size * table_bytes(s);
}

Result<OwnPtr<SplitQueue>> SplitQueue::create(const Shape& shape, std::span<std::byte> memory,
                                              PhysAddr at) {
    if (!std::has_single_bit(shape.size) || shape.size > 0x8000 ||
        !std::has_single_bit(shape.used_alignment) || bytes_needed(shape) > memory.size())
        return Errc::invalid;
    void* const records = ::operator new(shape.size * sizeof(Record), std::nothrow);
    if (!records) return Errc::no_memory;
    auto* queue =
        new (std::nothrow) SplitQueue(shape, memory.data(), at, static_cast<Record*>(records));
    if (queue) return OwnPtr<SplitQueue>(queue);
    ::operator delete(records);
    return Errc::no_memory;
}

SplitQueue::SplitQueue(const Shape& shape, std::byte* memory, PhysAddr at, Record* records)
    : shape_(shape), memory_(memory), at_(at), records_(records), free_count_(shape.size) {
    for (std::uint16_t i = 0; i < shape.size; i++)
        new (&records_[i]) Record{.next = static_cast<std::uint16_t>(i + 1)};
}
SplitQueue::~SplitQueue() { ::operator delete(records_); }

QueuePlace SplitQueue::place() const {
    return {at_, at_ + available_offset(shape_), at_ + used_offset(shape_), shape_.size};
}

std::uint16_t* SplitQueue::available_word(std::size_t index) const {
    return reinterpret_cast<std::uint16_t*>(memory_ + available_offset(shape_)) + index;
}
std::uint16_t* SplitQueue::used_word(std::size_t index) const {
    return reinterpret_cast<std::uint16_t*>(memory_ + used_offset(shape_)) + index;
}
SplitQueue::Descriptor* SplitQueue::table_of(std::uint16_t head) {
    return reinterpret_cast<Descriptor*>(memory_ + tables_offset(shape_) +
                                         head * table_bytes(shape_));
}

void SplitQueue::fill(Descriptor* table, std::uint16_t index, const Piece& piece,
                      std::uint16_t flags, std::uint16_t next) {
    table[index] = {raw(piece.at), piece.bytes, flags, next};
}

std::uint16_t SplitQueue::take_descriptor() {
    const std::uint16_t index = free_;
    free_ = records_[index].next;
    free_count_--;
    return index;
}

Result<void> SplitQueue::add(std::span<const Piece> readable, std::span<const Piece> writable,
                             void* owner) {
    const std::size_t pieces = readable.size() + writable.size();
    const bool is_indirect = pieces > 1 && pieces <= shape_.table_entries;
    const auto needed = static_cast<std::uint16_t>(is_indirect ? 1 : pieces);
    if (is_broken_) return Errc::io;
    if (pieces == 0 || !owner) return Errc::invalid;
    if (!is_indirect && pieces > shape_.size) return Errc::too_big;
    if (needed > free_count_) return Errc::no_space;

    auto* const direct = reinterpret_cast<Descriptor*>(memory_);
    const std::uint16_t head = take_descriptor();
    Descriptor* const table = is_indirect ? table_of(head) : direct;
    std::uint16_t at = is_indirect ? std::uint16_t{0} : head;
    std::uint32_t offered = 0;
    for (std::size_t i = 0; i < pieces; i++) {
        const bool is_write = i >= readable.size(), is_last = i + 1 == pieces;
        const Piece& piece = is_write ? writable[i - readable.size()] : readable[i];
        if (is_write) offered += piece.bytes;
        const std::uint16_t next = is_last       ? std::uint16_t{0}
                                   : is_indirect ? static_cast<std::uint16_t>(at + 1)
                                                 : take_descriptor();
        fill(table, at, piece,
             static_cast<std::uint16_t>((is_write ? flag_write : 0) | (is_last ? 0 : flag_next)),
             next);
        if (!is_indirect) records_[at].next = next;
        at = next;
    }
    if (is_indirect)
        fill(direct, head,
             {at_ + static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(table) - memory_),
              static_cast<std::uint32_t>(pieces * sizeof(Descriptor))},
             flag_indirect, 0);
    records_[head].owner = owner;
    records_[head].writable = offered;
    records_[head].count = needed;
    store(available_word(ring_word + (next_ & (shape_.size - 1))), head);
    next_++;
    in_flight_++;
    return {};
}

bool SplitQueue::publish() {
    if (next_ == published_) return false;
    const std::uint16_t before = published_;
    published_ = next_;
    // Descriptors and ring entries, and our last look at memory that goes back to the device,
    // before the index that makes the device read them.
    arch::barrier_dma_release();
    store(available_word(index_word), published_);
    // Our index before our look at whether the device sleeps: it looks at the index once more after
    // it has said that it will sleep ([virtio] "Available Buffer Notification Suppression").
    arch::barrier_dma_store_load();
    if (!shape_.has_event_index) return (load(used_word(flags_word)) & no_notify) == 0;
    // The device is notified when its event index is among those just published.
    const std::uint16_t event = load(used_word(ring_word + std::size_t{shape_.size} * 4));
    return static_cast<std::uint16_t>(published_ - event - 1) <
           static_cast<std::uint16_t>(published_ - before);
}

void SplitQueue::break_down() { is_broken_ = true; }

Result<std::optional<SplitQueue::Completion>> SplitQueue::take() {
    if (is_broken_) return Errc::io;
    const auto ready = static_cast<std::uint16_t>(load(used_word(index_word)) - last_used_);
    if (ready == 0) return std::optional<Completion>{};
    // The device's index before the entries it covers, and the data that the request asked for.
    arch::barrier_dma_load();
    const auto* const entries = reinterpret_cast<const volatile UsedEntry*>(used_word(ring_word));
    const volatile UsedEntry& entry = entries[last_used_ & (shape_.size - 1)];
    const std::uint32_t id = entry.id, bytes = entry.bytes; // once: it may change any time
    if (ready > in_flight_ || id >= shape_.size || !records_[id].owner) {
        break_down();
        return Errc::io;
    }
    last_used_++;
    const auto head = static_cast<std::uint16_t>(id);
    const Record& record = records_[head];
    const Completion completion{record.owner, bytes < record.writable ? bytes : record.writable};
    give_back(head);
    return std::optional(completion);
}

void SplitQueue::give_back(std::uint16_t head) {
    std::uint16_t last = head;
    for (std::uint16_t i = 1; i < records_[head].count; i++) last = records_[last].next;
    records_[last].next = free_;
    free_ = head;
    free_count_ = static_cast<std::uint16_t>(free_count_ + records_[head].count);
    records_[head].owner = nullptr;
    in_flight_--;
}

bool SplitQueue::expect_interrupt() {
    if (shape_.has_event_index)
        store(available_word(ring_word + shape_.size), last_used_);
    else
        store(available_word(flags_word), 0);
    // Our wish before our last look: a completion that missed the one is seen by the other.
    arch::barrier_dma_store_load();
    return !is_broken_ && load(used_word(index_word)) != last_used_;
}

void SplitQueue::silence_interrupts() {
    // With an event index the last wish stays behind, and asks for nothing more by itself.
    if (!shape_.has_event_index) store(available_word(flags_word), no_interrupt);
}

void* SplitQueue::abandon() {
    break_down();
    for (std::uint16_t i = 0; in_flight_ != 0 && i < shape_.size; i++) {
        if (!records_[i].owner) continue;
        void* const owner = records_[i].owner;
        give_back(i);
        return owner;
    }
    return nullptr;
}

} // namespace drupe::virtio
