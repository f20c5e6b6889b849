// SPDX-License-Identifier: BSD-2-Clause
// A virtio device's side of a queue on a CPU of its own, written from the specification: every word
// that both sides use is read and written once, with the barriers that [virtio] asks of a device.
// Addresses are pointers.
#pragma once

#include <drupe/virtio/queue.h>

#include <atomic>
#include <cstdint>

namespace weak {

template <class T>
T peek(const void* at) {
    return std::atomic_ref(*static_cast<T*>(const_cast<void*>(at))).load(std::memory_order_relaxed);
}
template <class T>
void poke(void* at, T value) {
    std::atomic_ref(*static_cast<T*>(at)).store(value, std::memory_order_relaxed);
}
inline char* address(drupe::PhysAddr at, std::size_t offset = 0) {
    return reinterpret_cast<char*>(raw(at)) + offset;
}

/// A request of one byte to read and one to write.
struct RingRequest {
    std::uint16_t id = 0;
    const char* in = nullptr;
    char* out = nullptr;
    std::uint16_t descriptors = 0;
};

struct SplitDevice {
    drupe::virtio::QueuePlace place{};
    bool has_event_index = false;

    bool has_request() const { return peek<std::uint16_t>(address(place.available, 2)) != seen; }
    RingRequest pop() {
        std::atomic_thread_fence(std::memory_order_acquire);
        const auto head =
            peek<std::uint16_t>(address(place.available, 4 + seen++ % place.size * 2u));
        const Descriptor *table = base(), *first = table + head;
        if ((first->flags & 4) != 0)
            first = table = reinterpret_cast<const Descriptor*>(first->address);
        const Descriptor* second = table + first->next;
        return {.id = head,
                .in = reinterpret_cast<const char*>(first->address),
                .out = reinterpret_cast<char*>(second->address),
                .descriptors = 0};
    }
    void push(const RingRequest& request) {
        const std::uint32_t entry[2] = {request.id, 1};
        auto* to =
            reinterpret_cast<std::uint32_t*>(address(place.used, 4 + done % place.size * 8u));
        to[0] = entry[0];
        to[1] = entry[1];
        std::atomic_thread_fence(std::memory_order_release);
        poke<std::uint16_t>(address(place.used, 2), ++done);
    }
    bool wants_interrupt() const {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (!has_event_index) return (peek<std::uint16_t>(address(place.available)) & 1) == 0;
        return peek<std::uint16_t>(address(place.available, 4 + place.size * 2u)) ==
               static_cast<std::uint16_t>(done - 1);
    }
    void sleep() {
        if (has_event_index)
            poke<std::uint16_t>(address(place.used, 4 + place.size * 8u), seen);
        else
            poke<std::uint16_t>(address(place.used), 0);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    void wake() {
        if (!has_event_index) poke<std::uint16_t>(address(place.used), 1);
    }

    struct Descriptor {
        std::uint64_t address;
        std::uint32_t bytes;
        std::uint16_t flags, next;
    };
    const Descriptor* base() const {
        return reinterpret_cast<const Descriptor*>(address(place.descriptors));
    }
    std::uint16_t seen = 0, done = 0;
};

} // namespace weak
