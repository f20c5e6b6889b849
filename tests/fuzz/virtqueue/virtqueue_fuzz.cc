// SPDX-License-Identifier: BSD-2-Clause
// A driver's queue, split or packed, whose device is the input: it overwrites, between any two
// steps of the driver, any word of its side. Whatever it writes, each request comes back at most
// once, as one that was given out, with at most the bytes it offered; and none is lost.
#include "../target.h"

#include <drupe/virtio/packed_queue.h>
#include <drupe/virtio/split_queue.h>

#include <cstdlib>
#include <cstring>
#include <memory>

using namespace drupe;
using virtio::Piece;
using virtio::Queue;

namespace {

struct Request {
    std::uint32_t offered = 0;
    bool is_out = false;
};
constexpr std::size_t request_limit = 16;

class Input {
public:
    Input(const std::uint8_t* data, std::size_t bytes) : at_(data), end_(data + bytes) {}
    bool is_empty() const { return at_ == end_; }
    std::uint8_t byte() { return is_empty() ? std::uint8_t{0} : *at_++; }
    std::uint16_t word() { return static_cast<std::uint16_t>(byte() | byte() << 8); }

private:
    const std::uint8_t *at_, *end_;
};

void check_back(Request* request, std::uint32_t written) {
    FUZZ_CHECK(request != nullptr);
    FUZZ_CHECK(request->is_out);
    FUZZ_CHECK(written <= request->offered);
    request->is_out = false;
}

void add(Queue& queue, Request* requests, std::uint8_t how) {
    Piece pieces[8];
    Request* request = requests;
    while (request->is_out)
        if (++request == requests + request_limit) return;
    const std::size_t count = 1 + (how & 7), readable = (how >> 3) % (count + 1);
    request->offered = 0;
    for (std::size_t i = 0; i < count; i++) {
        pieces[i] = {PhysAddr{0x1000 * (i + 1)}, 512};
        if (i >= readable) request->offered += 512;
    }
    const std::span<const Piece> all(pieces, count);
    if (queue.add(all.first(readable), all.subspan(readable), request)) request->is_out = true;
}

/// The device: words of its ring, or a completion as an honest one would make it.
void play_split(Input& input, std::byte* memory, const virtio::QueuePlace& place) {
    const std::size_t used = raw(place.used) - raw(place.descriptors);
    const std::uint8_t what = input.byte();
    std::uint16_t value = 0;
    if (what < 0x80) {
        const std::size_t words = 3 + std::size_t{place.size} * 4;
        value = input.word();
        std::memcpy(memory + used + what % words * 2, &value, 2);
        return;
    }
    std::uint16_t index;
    std::memcpy(&index, memory + used + 2, 2);
    const std::uint32_t entry[2] = {what & 15u, what & 64 ? 0xffffffffu : 512u};
    std::memcpy(memory + used + 4 + index % place.size * sizeof entry, entry, sizeof entry);
    index++;
    std::memcpy(memory + used + 2, &index, 2);
}

/// The same where both sides share one ring; how far the device is in it only the input says.
class PackedPlay {
public:
    void play(Input& input, std::byte* memory, const virtio::QueuePlace& place) {
        const std::uint8_t what = input.byte();
        const std::size_t events = raw(place.used) - raw(place.descriptors);
        if (what < 0x80) {
            const std::size_t words = std::size_t{place.size} * 8 + 2, word = what % words;
            const std::uint16_t value = input.word();
            std::memcpy(memory + (word < 2 ? events + word * 2 : (word - 2) * 2), &value, 2);
            return;
        }
        const std::uint32_t bytes = what & 64 ? 0xffffffffu : 512u;
        const std::uint16_t rest[2] = {static_cast<std::uint16_t>(what & 15u),
                                       static_cast<std::uint16_t>(is_odd_ ? 0x8080 : 0)};
        std::memcpy(memory + at_ * 16u + 8, &bytes, 4);
        std::memcpy(memory + at_ * 16u + 12, rest, 4);
        at_ += 1u + (what >> 4 & 3u);
        if (at_ >= place.size) is_odd_ = !is_odd_;
        at_ %= place.size;
    }

private:
    unsigned at_ = 0;
    bool is_odd_ = true; // the round
};

template <class Ring>
OwnPtr<Queue> make(const Queue::Shape& shape, std::span<std::byte> memory) {
    return OwnPtr<Queue>(Ring::create(shape, memory, PhysAddr{0x10000}).value().leak());
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    Input input(data, bytes);
    const std::uint8_t form = input.byte();
    const Queue::Shape shape{.size = static_cast<std::uint16_t>(1u << (form & 3)),
                             .used_alignment = 4,
                             .table_entries = static_cast<std::uint16_t>(form & 4 ? 4 : 0),
                             .has_event_index = (form & 8) != 0};
    const bool is_packed = (form & 16) != 0;
    const std::size_t needed = is_packed ? virtio::PackedQueue::bytes_needed(shape)
                                         : virtio::SplitQueue::bytes_needed(shape);
    // Exactly as long: the sanitizer sees an access beyond it.
    const std::unique_ptr<std::byte, decltype(&std::free)> memory(
        static_cast<std::byte*>(std::aligned_alloc(4096, (needed + 4095) & ~std::size_t{4095})),
        std::free);
    std::memset(memory.get(), 0, needed);
    const std::span<std::byte> bytes_of_queue(memory.get(), needed);
    const OwnPtr<Queue> queue = is_packed ? make<virtio::PackedQueue>(shape, bytes_of_queue)
                                          : make<virtio::SplitQueue>(shape, bytes_of_queue);
    PackedPlay packed;
    Request requests[request_limit];
    while (!input.is_empty()) {
        switch (input.byte() % 5) {
        case 0: add(*queue, requests, input.byte()); break;
        case 1: static_cast<void>(queue->publish()); break;
        case 2:
            if (is_packed)
                packed.play(input, memory.get(), queue->place());
            else
                play_split(input, memory.get(), queue->place());
            break;
        case 3:
            if (auto got = queue->take(); got && got.value())
                check_back(static_cast<Request*>(got.value()->owner), got.value()->written);
            break;
        case 4:
            if (!queue->expect_interrupt()) queue->silence_interrupts();
            break;
        }
    }
    while (void* owner = queue->abandon()) check_back(static_cast<Request*>(owner), 0);
    for (const Request& request : requests) FUZZ_CHECK(!request.is_out);
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    return {
        {3, 0, 9, 0, 2, 1, 2, 0x80, 2, 0x81, 3, 3, 4, 0, 1, 1, 2, 0x80, 3},
        {7, 0, 11, 0, 3, 1, 2, 0xc0, 3, 2, 0xc0, 3, 2, 0xc1, 3, 3},
        {15, 0, 0, 1, 2, 1, 1, 0, 2, 2, 0, 0, 3, 4, 0, 0, 1, 2, 0x80, 3},
        {1, 0, 0, 0, 0, 1, 2, 0x80, 3, 2, 0x80, 3, 2, 0x81, 3},
        {19, 0, 1, 0, 0, 1, 2, 0x91, 2, 0x80, 3, 3, 4, 0, 1, 1, 2, 0x80, 3},
        {23, 0, 11, 0, 3, 1, 2, 0xc0, 3, 2, 0xc0, 3, 2, 0xc1, 3, 3},
        {31, 0, 0, 1, 2, 1, 1, 0, 2, 2, 0, 0, 3, 4, 0, 0, 1, 2, 0x80, 3},
    };
}
