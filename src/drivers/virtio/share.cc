// SPDX-License-Identifier: BSD-2-Clause
// Devices that carry a file server's messages: 9P transport ([virtio] "9P Transport") and file
// system ([virtio] "File System Device"). Both are queues of requests with answers; the second has
// one more for what must not wait.
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>
#include <drupe/share/device.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/virtio/transport.h>

#include <algorithm>

namespace drupe::virtio {
namespace {

using share::Exchange;
using Exchanges = IntrusiveList<Exchange, &Exchange::hook>;

constexpr std::uint64_t has_tag = 1; // the 9P device's
constexpr std::uint16_t queue_size = 128;
constexpr std::uint16_t most_pieces = 36;
constexpr std::uint16_t most_queues = 8;

class ShareQueue {
public:
    Result<void> init(Transport& transport, std::uint16_t index, std::uint64_t features);
    void submit(Exchange& exchange);
    void finish();
    std::uint16_t size() const { return ring_->place().size; }

private:
    Result<void> try_start(Exchange& exchange) REQUIRES(lock_);
    void fail_all(Exchanges& done) REQUIRES(lock_);

    Transport* transport_ = nullptr;
    Queue* ring_ = nullptr;
    std::uint16_t index_ = 0;
    SpinLock<LockRank::device_queue> lock_;
    Exchanges waiting_ GUARDED_BY(lock_);
};

class Share final : public drivers::Device, public share::Device {
public:
    Share(Transport& transport, share::Protocol protocol)
        : transport_(transport), protocol_(protocol) {}
    share::Device* share() override { return this; }
    share::Protocol protocol() const override { return protocol_; }
    std::string_view tag() const override { return {tag_, tag_length_}; }
    std::uint32_t most_pieces() const override { return pieces_; }
    void submit(Exchange& exchange) override;
    Result<void> init();

private:
    Result<void> read_tag(std::uint64_t features);
    std::uint16_t first_request_queue() const { return protocol_ == share::Protocol::fuse; }
    static void on_interrupt(void* self, std::uint16_t queue);

    Transport& transport_;
    const share::Protocol protocol_;
    char tag_[64];
    std::uint8_t tag_length_ = 0;
    std::uint32_t pieces_ = virtio::most_pieces;
    std::uint16_t queue_count_ = 0;
    ShareQueue queues_[most_queues];
};

Result<void> ShareQueue::init(Transport& transport, std::uint16_t index, std::uint64_t features) {
    ring_ = TRY(make_queue(transport, index, queue_size, most_pieces, features));
    transport_ = &transport;
    index_ = index;
    return {};
}

/// no_space: not now.
Result<void> ShareQueue::try_start(Exchange& exchange) {
    Piece pieces[most_pieces];
    if (exchange.out.size() + exchange.in.size() > most_pieces) return Errc::too_big;
    std::size_t count = 0;
    for (const auto& side : {exchange.out, exchange.in})
        for (const share::Piece& piece : side) pieces[count++] = {piece.at, piece.bytes};
    const std::span<const Piece> all(pieces, count);
    return ring_->add(all.first(exchange.out.size()), all.subspan(exchange.out.size()), &exchange);
}

void ShareQueue::submit(Exchange& exchange) {
    {
        IrqGuard guard{lock_};
        const auto started = waiting_.is_empty() ? try_start(exchange) : Errc::no_space;
        if (started.ok()) {
            if (ring_->publish()) transport_->notify(index_);
            return;
        }
        if (started.error() == Errc::no_space) return waiting_.push_back(exchange);
    }
    exchange.outcome = Errc::io;
    exchange.written = 0;
    exchange.done(exchange);
}

/// The device is beyond trust: nothing that it has will come back.
void ShareQueue::fail_all(Exchanges& done) {
    while (void* owner = ring_->abandon()) waiting_.push_back(*static_cast<Exchange*>(owner));
    while (Exchange* exchange = waiting_.pop_front()) {
        exchange->outcome = Errc::io;
        exchange->written = 0;
        done.push_back(*exchange);
    }
}

void ShareQueue::finish() {
    Exchanges done;
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
                auto& exchange = *static_cast<Exchange*>(got.value()->owner);
                exchange.outcome = Errc::ok;
                exchange.written = got.value()->written;
                done.push_back(exchange);
            }
            while (Exchange* next = waiting_.front()) {
                if (!try_start(*next)) break;
                waiting_.pop_front();
            }
            if (ring_->publish()) transport_->notify(index_);
        } while (ring_->expect_interrupt());
    }
    while (Exchange* exchange = done.pop_front()) exchange->done(*exchange);
}

/// 9P: a length and the tag; file system: 36 bytes, NULs behind the tag.
Result<void> Share::read_tag(std::uint64_t features) {
    std::size_t at = 0, length = 36;
    if (protocol_ == share::Protocol::ninep) {
        if ((features & has_tag) == 0) return Errc::not_supported;
        length = transport_.read_field(0, 2);
        at = 2;
    }
    if (length > sizeof tag_) return Errc::not_supported;
    for (; tag_length_ < length; tag_length_++) {
        const auto c = static_cast<char>(transport_.read_field(at + tag_length_, 1));
        if (c == '\0') break;
        tag_[tag_length_] = c;
    }
    return tag_length_ != 0 ? Result<void>{} : Errc::not_supported;
}

Result<void> Share::init() {
    const bool is_fuse = protocol_ == share::Protocol::fuse;
    const std::uint64_t features = TRY(negotiate(transport_, is_fuse ? 0 : has_tag));
    TRY(read_tag(features));
    const std::uint32_t offered = is_fuse ? transport_.read_field(36, 4) : 1;
    const auto wanted = static_cast<std::uint16_t>(
        first_request_queue() + std::clamp<std::uint32_t>(offered, 1, most_queues - 1));
    for (; queue_count_ < wanted; queue_count_++)
        TRY(queues_[queue_count_].init(transport_, queue_count_, features));
    // Without tables of its own a request's pieces share the ring.
    if ((features & feature_indirect) == 0)
        pieces_ = std::min<std::uint32_t>(pieces_, queues_[first_request_queue()].size());
    if (pieces_ < 4) return Errc::not_supported;
    TRY(transport_.attach(on_interrupt, this));
    start(transport_);
    return {};
}

void Share::submit(Exchange& exchange) {
    const std::uint16_t first = first_request_queue();
    const auto requests = static_cast<std::uint16_t>(queue_count_ - first);
    const auto number = static_cast<std::uint16_t>(first + this_cpu_core().index % requests);
    queues_[exchange.is_urgent ? std::uint16_t{0} : number].submit(exchange);
}

void Share::on_interrupt(void* self, std::uint16_t queue) {
    Share& share = *static_cast<Share*>(self);
    if (queue < share.queue_count_) return share.queues_[queue].finish();
    for (std::uint16_t i = 0; i < share.queue_count_; i++) share.queues_[i].finish();
}

Result<OwnPtr<drivers::Device>> probe(const drivers::DeviceNode& node, drivers::MapDevice) {
    if (!node.transport) return Errc::invalid;
    const auto protocol =
        node.is("virtio,device9") ? share::Protocol::ninep : share::Protocol::fuse;
    auto share = TRY(make_own<Share>(*node.transport, protocol));
    if (auto up = share->init(); !up) {
        give_up(*node.transport);
        static_cast<void>(share.leak()); // its handler may be attached
        return up.error();
    }
    return OwnPtr<drivers::Device>(share.leak());
}

constexpr std::string_view models[] = {"virtio,device9", "virtio,device1a"};

} // namespace

DRUPE_DRIVER(virtio_share) = {"virtio-share", models, drivers::DeviceClass::share, probe};

} // namespace drupe::virtio
