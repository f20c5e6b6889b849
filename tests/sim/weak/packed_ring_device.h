// SPDX-License-Identifier: BSD-2-Clause
// The same as SplitDevice (ring_device.h) for a packed queue.
#pragma once

#include "ring_device.h"

namespace weak {

struct PackedDevice {
    drupe::virtio::QueuePlace place{};
    bool has_event_index = false;

    bool has_request() const {
        const auto flags = peek<std::uint16_t>(&ring()[seen.index].flags);
        return ((flags & available) != 0) == seen.wrap && ((flags & used) != 0) != seen.wrap;
    }
    RingRequest pop() {
        std::atomic_thread_fence(std::memory_order_acquire);
        const Descriptor* first = &ring()[seen.index];
        RingRequest request{.id = first->id, .in = nullptr, .out = nullptr, .descriptors = 1};
        const Descriptor* second = nullptr;
        if ((peek<std::uint16_t>(&first->flags) & 4) != 0) {
            first = reinterpret_cast<const Descriptor*>(first->address);
            second = first + 1;
        } else {
            step(seen, 1);
            second = &ring()[seen.index];
            request.id = second->id;
            request.descriptors = 2;
        }
        step(seen, 1);
        request.in = reinterpret_cast<const char*>(first->address);
        request.out = reinterpret_cast<char*>(second->address);
        return request;
    }
    void push(const RingRequest& request) {
        Descriptor& to = ring()[done.index];
        to.bytes = 1;
        to.id = request.id;
        std::atomic_thread_fence(std::memory_order_release);
        poke<std::uint16_t>(&to.flags, done.wrap ? available | used : 0);
        last = done;
        step(done, request.descriptors);
    }
    bool wants_interrupt() const {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        const auto events = peek<std::uint32_t>(address(place.available));
        if (events >> 16 != 2) return events >> 16 == 0;
        return (events & 0xffff) == word(last);
    }
    void sleep() {
        poke<std::uint32_t>(address(place.used), has_event_index ? 2u << 16 | word(seen) : 0);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    void wake() {
        if (!has_event_index) poke<std::uint32_t>(address(place.used), 1u << 16);
    }

    static constexpr std::uint16_t available = 1 << 7, used = 1 << 15;
    struct Descriptor {
        std::uint64_t address;
        std::uint32_t bytes;
        std::uint16_t id, flags;
    };
    struct Position {
        std::uint16_t index = 0;
        bool wrap = true;
    };
    void step(Position& position, std::uint16_t count) const {
        position.index = static_cast<std::uint16_t>(position.index + count);
        if (position.index < place.size) return;
        position.index = static_cast<std::uint16_t>(position.index - place.size);
        position.wrap = !position.wrap;
    }
    static std::uint32_t word(const Position& p) { return p.index | (p.wrap ? 0x8000u : 0u); }
    Descriptor* ring() const { return reinterpret_cast<Descriptor*>(address(place.descriptors)); }
    Position seen, done, last;
};

} // namespace weak
