// SPDX-License-Identifier: BSD-2-Clause
// A virtio device's side of packed queues, for tests: written from [virtio] "Packed Virtqueues" and
// apart from the driver's side. It checks what a driver does.
#pragma once

#include <drupe/mm/frames.h>
#include <drupe/virtio/queue.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace drupe::test {

/// One request as the device sees it.
struct Chain {
    std::uint16_t head = 0;
    std::vector<virtio::Piece> readable, writable;
    std::string read() const {
        std::string all;
        for (const virtio::Piece& p : readable)
            all.append(static_cast<const char*>(mm::phys_to_virt(p.at)), p.bytes);
        return all;
    }
    void write(std::string_view bytes) const {
        for (const virtio::Piece& p : writable) {
            const std::size_t n = std::min<std::size_t>(p.bytes, bytes.size());
            std::memcpy(mm::phys_to_virt(p.at), bytes.data(), n);
            bytes.remove_prefix(n);
        }
    }
    std::size_t room() const {
        std::size_t all = 0;
        for (const virtio::Piece& p : writable) all += p.bytes;
        return all;
    }
};

class PackedDevice {
public:
    bool has_request(const virtio::QueuePlace& place) const {
        const std::uint16_t flags = at(place, next_).flags;
        return ((flags & available) != 0) == next_.wrap && ((flags & used) != 0) != next_.wrap;
    }
    Chain pop(const virtio::QueuePlace& place) {
        REQUIRE(has_request(place));
        Chain chain;
        unsigned count = 0;
        for (bool is_last = false; !is_last; count++) {
            REQUIRE(count < place.size);
            REQUIRE(has_request(place));
            const Descriptor d = at(place, next_);
            next_.step(place.size, 1);
            is_last = (d.flags & 1) == 0;
            chain.head = d.id; // of the last one it counts
            if ((d.flags & 4) != 0) {
                REQUIRE(is_last);
                REQUIRE((d.flags & 2) == 0);
                take_table(d, chain);
            } else {
                take(d, chain);
            }
        }
        REQUIRE(chain.head < place.size);
        REQUIRE_FALSE(counts_.contains(chain.head));
        counts_[chain.head] = count;
        return chain;
    }
    /// Whether the driver wants an interrupt. A number that was not given out takes one descriptor.
    bool push(const virtio::QueuePlace& place, std::uint16_t id, std::uint32_t bytes,
              bool has_event_index) {
        const auto flags = static_cast<std::uint16_t>(done_.wrap ? available | used : 0);
        const Descriptor d{0, bytes, id, flags};
        std::memcpy(where(place.descriptors, done_.index * sizeof d), &d, sizeof d);
        const auto events = word(place.available);
        const bool is_it = (events & 0xffff) == (done_.index | (done_.wrap ? 0x8000u : 0u));
        const auto out = counts_.find(id);
        done_.step(place.size, out == counts_.end() ? 1 : out->second);
        if (out != counts_.end()) counts_.erase(out);
        if (!has_event_index) REQUIRE(events >> 16 < 2);
        return events >> 16 == 2 ? is_it : events >> 16 == 0;
    }
    /// "I will look no further than here by myself."
    void tell_driver(const virtio::QueuePlace& place, bool wants_notice, bool has_event_index) {
        std::uint32_t events = wants_notice ? 0 : 1u << 16;
        if (has_event_index && wants_notice)
            events = 2u << 16 | next_.index | (next_.wrap ? 0x8000u : 0u);
        std::memcpy(where(place.used, 0), &events, sizeof events);
    }

private:
    static constexpr std::uint16_t available = 1 << 7, used = 1 << 15;
    struct Descriptor {
        std::uint64_t address;
        std::uint32_t bytes;
        std::uint16_t id, flags;
    };
    struct Position {
        unsigned index = 0;
        bool wrap = true;
        void step(unsigned size, unsigned count) {
            index += count;
            if (index < size) return;
            index -= size;
            wrap = !wrap;
        }
    };
    static char* where(PhysAddr base, std::size_t offset) {
        return static_cast<char*>(mm::phys_to_virt(base)) + offset;
    }
    static std::uint32_t word(PhysAddr base) {
        std::uint32_t value;
        std::memcpy(&value, where(base, 0), sizeof value);
        return value;
    }
    static Descriptor at(const virtio::QueuePlace& place, const Position& position) {
        Descriptor d;
        std::memcpy(&d, where(place.descriptors, position.index * sizeof d), sizeof d);
        return d;
    }
    static void take(const Descriptor& d, Chain& chain) {
        if (!(d.flags & 2)) REQUIRE(chain.writable.empty()); // readable ones come first
        ((d.flags & 2) ? chain.writable : chain.readable).push_back({PhysAddr{d.address}, d.bytes});
    }
    static void take_table(const Descriptor& table, Chain& chain) {
        REQUIRE(table.bytes % sizeof(Descriptor) == 0);
        for (std::size_t i = 0; i < table.bytes / sizeof(Descriptor); i++) {
            Descriptor d;
            std::memcpy(&d, where(PhysAddr{table.address}, i * sizeof d), sizeof d);
            REQUIRE((d.flags & ~2) == 0); // all others are reserved here
            take(d, chain);
        }
    }
    Position next_, done_;
    std::map<std::uint16_t, unsigned> counts_; // descriptors of what is out
};

} // namespace drupe::test
