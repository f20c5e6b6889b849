// SPDX-License-Identifier: BSD-2-Clause
// A virtio device's side of a queue, for tests: written from the specification and apart from the
// driver's side. It checks what a driver does.
#pragma once

#include <support/packed_device.h>

namespace drupe::test {

/// The device's side of one queue.
class DeviceQueue {
public:
    virtio::QueuePlace place{};
    bool has_event_index = false;
    bool is_packed = false;
    unsigned interrupts = 0;
    bool wants_notice = true;

    bool has_request() const {
        return is_packed ? packed_.has_request(place) : available(1) != seen_;
    }
    Chain pop() {
        if (is_packed) {
            Chain taken = packed_.pop(place);
            tell_driver();
            return taken;
        }
        Chain chain;
        chain.head = available(2 + seen_++ % place.size);
        REQUIRE(chain.head < place.size);
        walk(place.descriptors, place.size, chain.head, chain, false);
        tell_driver();
        return chain;
    }
    void push(std::uint32_t id, std::uint32_t bytes) {
        if (is_packed) {
            if (packed_.push(place, static_cast<std::uint16_t>(id), bytes, has_event_index))
                interrupts++;
            return;
        }
        const std::uint16_t at = used(1);
        std::memcpy(where(place.used, 4 + at % place.size * 8), &id, 4);
        std::memcpy(where(place.used, 8 + at % place.size * 8), &bytes, 4);
        set_used(1, static_cast<std::uint16_t>(at + 1));
        // [virtio] "Used Buffer Notification Suppression"
        if (has_event_index ? available(2 + place.size) == at : (available(0) & 1) == 0)
            interrupts++;
    }
    void set_used(std::size_t word, std::uint16_t value) {
        std::memcpy(where(place.used, word * 2), &value, 2);
    }
    /// "I will look no further than here by myself."
    void tell_driver() {
        if (is_packed)
            packed_.tell_driver(place, wants_notice, has_event_index);
        else if (has_event_index)
            set_used(2 + std::size_t{place.size} * 4,
                     wants_notice ? seen_ : static_cast<std::uint16_t>(seen_ - 1));
        else
            set_used(0, wants_notice ? 0 : 1);
    }

private:
    struct Descriptor {
        std::uint64_t address;
        std::uint32_t bytes;
        std::uint16_t flags, next;
    };
    static char* where(PhysAddr base, std::size_t offset) {
        return static_cast<char*>(mm::phys_to_virt(base)) + offset;
    }
    std::uint16_t word(PhysAddr base, std::size_t index) const {
        std::uint16_t value;
        std::memcpy(&value, where(base, index * 2), 2);
        return value;
    }
    std::uint16_t available(std::size_t index) const { return word(place.available, index); }
    std::uint16_t used(std::size_t index) const { return word(place.used, index); }

    void walk(PhysAddr table, std::size_t size, std::uint16_t at, Chain& chain, bool is_indirect) {
        for (std::size_t steps = 0;; steps++) {
            REQUIRE(steps < size);
            REQUIRE(at < size);
            Descriptor d;
            std::memcpy(&d, where(table, at * sizeof d), sizeof d);
            if (d.flags & 4) {
                REQUIRE_FALSE(is_indirect);
                REQUIRE(d.flags == 4);
                return walk(PhysAddr{d.address}, d.bytes / sizeof d, 0, chain, true);
            }
            if (!(d.flags & 2)) REQUIRE(chain.writable.empty()); // readable ones come first
            ((d.flags & 2) ? chain.writable : chain.readable)
                .push_back({PhysAddr{d.address}, d.bytes});
            if (!(d.flags & 1)) return;
            at = d.next;
        }
    }
    std::uint16_t seen_ = 0;
    PackedDevice packed_;
};

} // namespace drupe::test
