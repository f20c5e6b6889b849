// SPDX-License-Identifier: BSD-2-Clause
// The block device ([virtio] "Block Device"). Each queue has slots for what a request needs besides
// its data; requests that find none wait for a completion.
#include <drupe/block/device.h>
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/mm/frames.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/virtio/transport.h>

#include <algorithm>
#include <bit>
#include <cstddef>

namespace drupe::virtio {
namespace {

using block::Operation;
using block::Request;
using Requests = IntrusiveList<Request, &Request::hook>;

enum Feature : std::uint64_t {
    has_segment_size = 1 << 1,
    has_segment_count = 1 << 2,
    is_read_only = 1 << 5,
    has_block_size = 1 << 6,
    has_flush = 1 << 9,
    has_topology = 1 << 10,
    has_queues = 1 << 12,
    has_discard = 1 << 13,
    has_write_zeroes = 1 << 14,
};
enum Field : std::size_t {
    capacity = 0,
    segment_size = 8,
    segment_count = 12,
    block_size = 20,
    physical_exponent = 24,
    best_io = 28,
    queue_count = 34,
    discard_sectors = 36,
    zero_sectors = 48,
};
constexpr std::uint32_t kinds[] = {0, 1, 4, 11, 13}; // of Operation
constexpr std::uint8_t status_ok = 0, status_unsupported = 2;

/// The parts of a request that the device reads and writes besides the data.
struct Slot {
    std::uint32_t kind, priority;
    std::uint64_t sector;
    std::uint64_t range_sector; // discard and write_zeroes
    std::uint32_t range_sectors, range_flags;
    std::uint8_t status;
};
static_assert(sizeof(Slot) == 40);

constexpr std::uint16_t queue_size = 64;
constexpr std::uint16_t most_segments = 32;
constexpr std::uint16_t slot_count = 64;
constexpr std::uint16_t most_queues = 8;

class BlkQueue {
public:
    Result<void> init(Transport& transport, std::uint16_t index, std::uint64_t features);
    void submit(Request& request);
    void finish();
    void look_again();
    std::uint16_t size() const { return ring_->place().size; }

private:
    bool try_start(Request& request) REQUIRES(lock_);
    void fail_all(Requests& done) REQUIRES(lock_);

    Transport* transport_ = nullptr;
    Queue* ring_ = nullptr;
    std::uint16_t index_ = 0;
    std::uint16_t segments_ = 1;
    SpinLock<LockRank::device_queue> lock_;
    Slot* slots_ = nullptr; // a frame, which the device sees
    // What belongs to slot n; a stack of those that are free.
    Request* requests_[slot_count] GUARDED_BY(lock_) = {};
    std::uint8_t free_[slot_count] GUARDED_BY(lock_);
    std::uint8_t free_count_ GUARDED_BY(lock_) = 0;
    Requests waiting_ GUARDED_BY(lock_);
};

class Blk final : public drivers::Device, public block::BlockDevice {
public:
    explicit Blk(Transport& transport) : transport_(transport) {}
    block::BlockDevice* block(unsigned n) override { return n == 0 ? this : nullptr; }
    const block::Limits& limits() const override { return limits_; }
    Result<void> init();
    void submit(Request& request) override;
    void recover(Request& request) override;

private:
    void read_limits(std::uint64_t features);
    static void on_interrupt(void* self, std::uint16_t queue);

    Transport& transport_;
    block::Limits limits_;
    bool can_flush_ = false;
    std::uint16_t queue_count_ = 0;
    BlkQueue queues_[most_queues];
};

Result<void> BlkQueue::init(Transport& transport, std::uint16_t index, std::uint64_t features) {
    const PhysAddr frame = TRY(mm::alloc_frames());
    ring_ = TRY(make_queue(transport, index, queue_size, most_segments + 2, features));
    transport_ = &transport;
    index_ = index;
    slots_ = static_cast<Slot*>(mm::phys_to_virt(frame));
    IrqGuard guard{lock_};
    for (std::uint8_t i = 0; i < slot_count; i++) free_[free_count_++] = i;
    return {};
}

/// False: there is no room now.
bool BlkQueue::try_start(Request& request) {
    if (free_count_ == 0) return false;
    const std::uint8_t number = free_[free_count_ - 1];
    Slot& slot = slots_[number];
    const PhysAddr at = mm::virt_to_phys(&slot);
    slot = {.kind = kinds[static_cast<unsigned>(request.operation)],
            .priority = 0,
            .sector = request.sector,
            .range_sector = request.sector,
            .range_sectors = static_cast<std::uint32_t>(request.sectors),
            .range_flags = 0,
            .status = 0xff};
    Piece pieces[most_segments + 2];
    std::size_t count = 0;
    pieces[count++] = {at, 16};
    const bool has_range = request.sectors != 0;
    if (has_range) {
        slot.sector = 0;
        pieces[count++] = {at + offsetof(Slot, range_sector), 16};
    }
    for (const block::Segment& segment : request.segments)
        pieces[count++] = {segment.at, segment.bytes};
    const std::size_t readable = request.operation == Operation::read ? 1 : count;
    pieces[count++] = {at + offsetof(Slot, status), 1};
    const std::span<const Piece> all(pieces, count);
    if (!ring_->add(all.first(readable), all.subspan(readable), &requests_[number])) return false;
    requests_[number] = &request;
    free_count_--;
    return true;
}

void BlkQueue::submit(Request& request) {
    IrqGuard guard{lock_};
    if (!waiting_.is_empty() || !try_start(request)) {
        // A broken queue has nothing under way that would start it later.
        if (!ring_->is_broken()) return waiting_.push_back(request);
    } else {
        if (ring_->publish()) transport_->notify(index_);
        return;
    }
    request.outcome = Errc::io;
    request.done(request);
}

/// The device is beyond trust: nothing that it has will come back.
void BlkQueue::fail_all(Requests& done) {
    while (void* owner = ring_->abandon()) {
        Request* request = *static_cast<Request**>(owner);
        request->outcome = Errc::io;
        done.push_back(*request);
    }
    while (Request* request = waiting_.pop_front()) {
        request->outcome = Errc::io;
        done.push_back(*request);
    }
}

void BlkQueue::finish() {
    Requests done;
    {
        IrqGuard guard{lock_};
        do {
            for (;;) {
                const auto got = ring_->take();
                if (!got.ok()) {
                    fail_all(done);
                    break;
                }
                if (!got.value()) break;
                auto** const place = static_cast<Request**>(got.value()->owner);
                const auto number = static_cast<std::uint8_t>(place - requests_);
                Request& request = **place;
                const std::uint8_t status = slots_[number].status;
                request.outcome = status == status_ok            ? Errc::ok
                                  : status == status_unsupported ? Errc::not_supported
                                                                 : Errc::io;
                free_[free_count_++] = number;
                done.push_back(request);
            }
            while (Request* next = waiting_.front()) {
                if (!try_start(*next)) break;
                waiting_.pop_front();
            }
            if (ring_->publish()) transport_->notify(index_);
        } while (ring_->expect_interrupt());
    }
    while (Request* request = done.pop_front()) request->done(*request);
}

/// What the device was not told of, and what it has not told us of.
void BlkQueue::look_again() {
    {
        IrqGuard guard{lock_};
        if (free_count_ == slot_count || ring_->is_broken()) return;
        transport_->notify(index_);
    }
    finish();
}

/// A ring has no other remedy: requests cannot be taken back from the device but by a reset.
void Blk::recover(Request&) {
    for (std::uint16_t i = 0; i < queue_count_; i++) queues_[i].look_again();
}

void Blk::read_limits(std::uint64_t features) {
    limits_.sectors = read_field64(transport_, capacity);
    limits_.is_read_only = (features & is_read_only) != 0;
    const auto field = [&](Field at) { return transport_.read_field(at, 4); };
    // Numbers that make no sense are as good as none.
    if (features & has_block_size)
        if (const std::uint32_t n = field(block_size);
            std::has_single_bit(n) && n >= 512 && n <= page_size)
            limits_.block_bytes = n;
    limits_.physical_bytes = limits_.block_bytes;
    if (features & has_topology) {
        const std::uint32_t exponent = transport_.read_field(physical_exponent, 1);
        if (exponent < 16) limits_.physical_bytes <<= exponent;
        limits_.best_bytes = field(best_io) * limits_.block_bytes;
    }
    limits_.segments = most_segments;
    if (features & has_segment_count)
        limits_.segments = std::clamp<std::uint32_t>(field(segment_count), 1, most_segments);
    if (features & has_segment_size)
        limits_.segment_bytes = std::max(field(segment_size), std::uint32_t{page_size});
    if (features & has_discard) limits_.discard_sectors = field(discard_sectors);
    if (features & has_write_zeroes) limits_.zero_sectors = field(zero_sectors);
}

Result<void> Blk::init() {
    const std::uint64_t features = TRY(negotiate(
        transport_, has_segment_size | has_segment_count | is_read_only | has_block_size |
                        has_flush | has_topology | has_queues | has_discard | has_write_zeroes));
    read_limits(features);
    can_flush_ = (features & has_flush) != 0;
    const std::uint32_t offered =
        (features & has_queues) ? transport_.read_field(Field::queue_count, 2) : 1;
    const auto wanted =
        static_cast<std::uint16_t>(std::clamp<std::uint32_t>(offered, 1, most_queues));
    for (; queue_count_ < wanted; queue_count_++)
        TRY(queues_[queue_count_].init(transport_, queue_count_, features));
    if ((features & feature_indirect) == 0) {
        // A request's pieces share the ring, of which device and driver may want little.
        const std::uint16_t room = queues_[0].size();
        if (room < 4) return Errc::not_supported;
        limits_.segments = std::min<std::uint32_t>(limits_.segments, room - 3u);
    }
    TRY(transport_.attach(on_interrupt, this));
    start(transport_);
    return {};
}

void Blk::submit(Request& request) {
    // A device that keeps nothing back has nothing to flush.
    const bool is_done = request.operation == Operation::flush && !can_flush_;
    const bool is_refused = limits_.is_read_only && request.operation != Operation::read &&
                            request.operation != Operation::flush;
    if (is_done || is_refused) {
        request.outcome = is_refused ? Errc::read_only : Errc::ok;
        return request.done(request);
    }
    queues_[this_cpu_core().index % queue_count_].submit(request);
}

void Blk::on_interrupt(void* self, std::uint16_t queue) {
    Blk& blk = *static_cast<Blk*>(self);
    if (queue < blk.queue_count_) return blk.queues_[queue].finish();
    for (std::uint16_t i = 0; i < blk.queue_count_; i++) blk.queues_[i].finish();
}

Result<OwnPtr<drivers::Device>> probe(const drivers::DeviceNode& node, drivers::MapDevice) {
    if (!node.transport) return Errc::invalid;
    auto blk = TRY(make_own<Blk>(*node.transport));
    if (auto up = blk->init(); !up) {
        give_up(*node.transport);
        static_cast<void>(blk.leak()); // its handler may be attached
        return up.error();
    }
    return OwnPtr<drivers::Device>(blk.leak());
}

constexpr std::string_view models[] = {"virtio,device2"};

} // namespace

DRUPE_DRIVER(virtio_blk) = {"virtio-blk", models, drivers::DeviceClass::block, probe};

} // namespace drupe::virtio
