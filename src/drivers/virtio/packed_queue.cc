// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/barrier.h>
#include <drupe/virtio/packed_queue.h>

#include <atomic>
#include <bit>
#include <new>

namespace drupe::virtio {

// [virtio] "Structure Size and Alignment": the descriptor ring, the event suppression structures.
// Little-endian, as we are.
struct PackedQueue::Descriptor {
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint16_t id;
    std::uint16_t flags;
};
struct PackedQueue::Events {
    std::uint32_t word; // offset and wrap counter; above them the flags
};

namespace {

static_assert(std::endian::native == std::endian::little);
enum : std::uint16_t {
    flag_next = 1,
    flag_write = 2,
    flag_indirect = 4,
    flag_available = 1 << 7,
    flag_used = 1 << 15
};
enum : std::uint32_t {
    events_enable = 0u << 16,
    events_disable = 1u << 16,
    events_descriptor = 2u << 16,
    events_flags = 3u << 16,
    events_wrap = 1u << 15
};

// Each is written on one side while the other reads it.
template <class T>
T load(const T* word) {
    return std::atomic_ref(*const_cast<T*>(word)).load(std::memory_order_relaxed);
}
template <class T>
void store(T* word, T value) {
    std::atomic_ref(*word).store(value, std::memory_order_relaxed);
}

std::size_t events_offset(const Queue::Shape& s) { return std::size_t{s.size} * 16; }
std::size_t tables_offset(const Queue::Shape& s) { return events_offset(s) + 16; }
std::size_t table_bytes(const Queue::Shape& s) { return std::size_t{s.table_entries} * 16; }

/// Flags of what is the device's turn in this round.
std::uint16_t available_in(bool wrap) { return wrap ? flag_available : flag_used; }

} // namespace

std::size_t PackedQueue::bytes_needed(const Shape& s) {
    return tables_offset(s) + s.size * table_bytes(s);
}

Result<OwnPtr<PackedQueue>> PackedQueue::create(const Shape& shape, std::span<std::byte> memory,
                                                PhysAddr at) {
    if (!std::has_single_bit(shape.size) || shape.size > 0x8000 ||
        bytes_needed(shape) > memory.size())
        return Errc::invalid;
    void* const records = ::operator new(shape.size * sizeof(Record), std::nothrow);
    if (!records) return Errc::no_memory;
    auto* queue =
        new (std::nothrow) PackedQueue(shape, memory.data(), at, static_cast<Record*>(records));
    if (queue) return OwnPtr<PackedQueue>(queue);
    ::operator delete(records);
    return Errc::no_memory;
}

PackedQueue::PackedQueue(const Shape& shape, std::byte* memory, PhysAddr at, Record* records)
    : shape_(shape), memory_(memory), at_(at), records_(records), free_count_(shape.size) {
    for (std::uint16_t i = 0; i < shape.size; i++)
        new (&records_[i]) Record{.next = static_cast<std::uint16_t>(i + 1)};
    if (shape.has_event_index) store(&driver_events()->word, events_descriptor | events_wrap);
}
PackedQueue::~PackedQueue() { ::operator delete(records_); }

QueuePlace PackedQueue::place() const {
    const PhysAddr events = at_ + events_offset(shape_);
    return {at_, events, events + sizeof(Events), shape_.size};
}

PackedQueue::Events* PackedQueue::driver_events() const {
    return reinterpret_cast<Events*>(memory_ + events_offset(shape_));
}
const PackedQueue::Events* PackedQueue::device_events() const { return driver_events() + 1; }
PackedQueue::Descriptor* PackedQueue::table_of(std::uint16_t number) const {
    return reinterpret_cast<Descriptor*>(memory_ + tables_offset(shape_) +
                                         number * table_bytes(shape_));
}

void PackedQueue::step(Position& position, std::uint16_t count) const {
    position.index = static_cast<std::uint16_t>(position.index + count);
    if (position.index < shape_.size) return;
    position.index = static_cast<std::uint16_t>(position.index - shape_.size);
    position.wrap = !position.wrap;
}

/// The next descriptor. The device takes them in order: it goes no further than the first that was
/// not published, so that one keeps its flags back for all of them.
void PackedQueue::put(const Piece& piece, std::uint16_t number, std::uint16_t flags) {
    Descriptor& d = ring()[next_.index];
    d.address = raw(piece.at);
    d.bytes = piece.bytes;
    d.id = number;
    flags = static_cast<std::uint16_t>(flags | available_in(next_.wrap));
    if (unpublished_++ == 0) {
        first_ = next_;
        first_flags_ = flags;
    } else {
        store(&d.flags, flags);
    }
    step(next_, 1);
}

void PackedQueue::put_table(std::span<const Piece> readable, std::span<const Piece> writable,
                            std::uint16_t number) {
    Descriptor* const table = table_of(number);
    Descriptor* to = table;
    for (const Piece& piece : readable) *to++ = {raw(piece.at), piece.bytes, 0, 0};
    for (const Piece& piece : writable) *to++ = {raw(piece.at), piece.bytes, 0, flag_write};
    put({at_ + static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(table) - memory_),
         static_cast<std::uint32_t>((to - table) * sizeof(Descriptor))},
        number, flag_indirect);
}

Result<void> PackedQueue::add(std::span<const Piece> readable, std::span<const Piece> writable,
                              void* owner) {
    const std::size_t pieces = readable.size() + writable.size();
    const bool is_indirect = pieces > 1 && pieces <= shape_.table_entries;
    const auto needed = static_cast<std::uint16_t>(is_indirect ? 1 : pieces);
    if (is_broken_) return Errc::io;
    if (pieces == 0 || !owner) return Errc::invalid;
    if (!is_indirect && pieces > shape_.size) return Errc::too_big;
    if (needed > free_count_) return Errc::no_space;

    // There are as many numbers as descriptors: one is free.
    const std::uint16_t number = free_;
    Record& record = records_[number];
    free_ = record.next;
    free_count_ = static_cast<std::uint16_t>(free_count_ - needed);
    record.owner = owner;
    record.count = needed;
    record.writable = 0;
    for (const Piece& piece : writable) record.writable += piece.bytes;
    in_flight_++;
    if (is_indirect) {
        put_table(readable, writable, number);
        return {};
    }
    std::uint16_t left = needed;
    for (const Piece& piece : readable) put(piece, number, --left ? flag_next : 0);
    for (const Piece& piece : writable)
        put(piece, number, static_cast<std::uint16_t>(flag_write | (--left ? flag_next : 0)));
    return {};
}

bool PackedQueue::publish() {
    if (unpublished_ == 0) return false;
    const std::uint16_t added = unpublished_;
    unpublished_ = 0;
    // All that was added, and our last look at memory that goes back to the device, before the
    // flags that make the device read the first.
    arch::barrier_dma_release();
    store(&ring()[first_.index].flags, first_flags_);
    // Those flags before our look at whether the device sleeps: it looks at them once more after it
    // has said that it will sleep.
    arch::barrier_dma_store_load();
    return wants_notice(added);
}

/// [virtio] "Driver and Device Event Suppression"
bool PackedQueue::wants_notice(std::uint16_t added) const {
    const std::uint32_t events = load(&device_events()->word);
    const std::uint32_t flags = events & events_flags;
    if (!shape_.has_event_index || flags != events_descriptor) return flags != events_disable;
    // The device is notified when the descriptor that it names is among those just published.
    auto event = static_cast<std::uint16_t>(events & (events_wrap - 1));
    if (((events & events_wrap) != 0) != next_.wrap)
        event = static_cast<std::uint16_t>(event - shape_.size);
    return static_cast<std::uint16_t>(next_.index - event - 1) < added;
}

bool PackedQueue::is_used(Position position) const {
    const std::uint16_t flags = load(&ring()[position.index].flags);
    return ((flags & flag_available) != 0) == position.wrap &&
           ((flags & flag_used) != 0) == position.wrap;
}

Result<std::optional<PackedQueue::Completion>> PackedQueue::take() {
    if (is_broken_) return Errc::io;
    if (!is_used(last_used_)) return std::optional<Completion>{};
    // The device's flags before the rest of the descriptor, and the data that the request asked
    // for.
    arch::barrier_dma_load();
    const volatile Descriptor& entry = ring()[last_used_.index];
    const std::uint32_t id = entry.id, bytes = entry.bytes; // once: it may change any time
    if (id >= shape_.size || !records_[id].owner) {
        is_broken_ = true;
        return Errc::io;
    }
    const auto number = static_cast<std::uint16_t>(id);
    const Record& record = records_[number];
    const Completion completion{record.owner, bytes < record.writable ? bytes : record.writable};
    step(last_used_, record.count);
    give_back(number);
    return std::optional(completion);
}

void PackedQueue::give_back(std::uint16_t number) {
    Record& record = records_[number];
    record.owner = nullptr;
    record.next = free_;
    free_ = number;
    free_count_ = static_cast<std::uint16_t>(free_count_ + record.count);
    in_flight_--;
}

bool PackedQueue::expect_interrupt() {
    const std::uint32_t place =
        last_used_.index | (last_used_.wrap ? std::uint32_t{events_wrap} : 0);
    store(&driver_events()->word,
          shape_.has_event_index ? events_descriptor | place : std::uint32_t{events_enable});
    // Our wish before our last look: a completion that missed the one is seen by the other.
    arch::barrier_dma_store_load();
    return !is_broken_ && is_used(last_used_);
}

void PackedQueue::silence_interrupts() {
    // With an event index the last wish stays behind, and asks for nothing more by itself.
    if (!shape_.has_event_index) store(&driver_events()->word, std::uint32_t{events_disable});
}

void* PackedQueue::abandon() {
    is_broken_ = true;
    for (std::uint16_t i = 0; in_flight_ != 0 && i < shape_.size; i++) {
        if (!records_[i].owner) continue;
        void* const owner = records_[i].owner;
        give_back(i);
        return owner;
    }
    return nullptr;
}

} // namespace drupe::virtio
