// SPDX-License-Identifier: BSD-2-Clause
// A driver and a device that share a ring, each on a CPU of its own. Nothing but the ring's memory
// tells one what the other did: interrupts and notifications only wake.
#include "packed_ring_device.h"
#include "ring_device.h"

#include <weak/machine.h>
#include <weak/played.h>
#include <weak/runner.h>
#include <weak/sites.h>

#include <drupe/virtio/packed_queue.h>
#include <drupe/virtio/split_queue.h>

#include <cstring>

using namespace drupe;
using virtio::Queue;

namespace {

constexpr unsigned total = 7, slots = 3, driver = 0, device = 1;

/// The wire between them: who waits is woken once for all the kicks before. Simulation's own.
struct Wire {
    bool is_kicked[2] = {};
} wire;

void kick(unsigned cpu) {
    weak::Machine::instance().point();
    weak::NotPlayed guard;
    wire.is_kicked[cpu] = true;
}
void wait_for_kick(unsigned cpu) {
    weak::Machine& m = weak::Machine::instance();
    while (!wire.is_kicked[cpu]) m.wait();
    wire.is_kicked[cpu] = false;
}

struct Buffers {
    char in[slots], out[slots];
};

void drive(Queue& queue, Buffers& buffers) {
    unsigned given = 0, back = 0;
    bool is_out[slots] = {};
    const auto give = [&] {
        for (unsigned i = 0; i < slots && given < total; i++) {
            if (is_out[i]) continue;
            const virtio::Piece pieces[] = {
                {PhysAddr{reinterpret_cast<std::uintptr_t>(&buffers.in[i])}, 1},
                {PhysAddr{reinterpret_cast<std::uintptr_t>(&buffers.out[i])}, 1}};
            const std::span<const virtio::Piece> all(pieces);
            buffers.in[i] = static_cast<char>(given);
            if (!queue.add(all.first(1), all.subspan(1), &buffers.in[i])) break;
            is_out[i] = true;
            given++;
        }
        if (queue.publish()) kick(device);
    };
    const auto take = [&] {
        const auto got = queue.take();
        WEAK_CHECK(got.ok());
        if (!got.value()) return false;
        const auto i = static_cast<unsigned>(static_cast<char*>(got.value()->owner) - buffers.in);
        WEAK_CHECK(buffers.out[i] == buffers.in[i] + 1);
        is_out[i] = false;
        back++;
        return true;
    };
    while (back < total) {
        give();
        bool took = false;
        while (take()) took = true;
        if (took || back == total || queue.expect_interrupt()) continue;
        wait_for_kick(driver);
        queue.silence_interrupts();
    }
}

template <class Device>
void serve(Device& self) {
    for (unsigned done = 0; done < total;) {
        weak::RingRequest held[2];
        unsigned count = 0;
        while (count < 2 && self.has_request()) held[count++] = self.pop();
        if (count == 0) {
            self.sleep();
            if (self.has_request()) continue;
            wait_for_kick(device);
            self.wake();
            continue;
        }
        for (; count != 0; done++) { // the last first
            const weak::RingRequest& request = held[--count];
            *request.out = static_cast<char>(*request.in + 1);
            self.push(request);
            if (self.wants_interrupt()) kick(driver);
        }
    }
}

template <class Ring, class Device>
void play(std::uint64_t seed, bool has_event_index) {
    weak::Machine& m = weak::Machine::instance();
    static const bool once = [] {
        weak::exempt(&wire, sizeof wire);
        weak::exempt(&weak::Machine::instance(), sizeof(weak::Machine));
        return true;
    }();
    static_cast<void>(once);
    m.hooks = {.may_go_on = [](unsigned cpu) { return wire.is_kicked[cpu]; },
               .all_wait = [] { return weak::Machine::AllWait::deadlock; }};
    wire = {};
    alignas(4096) static std::byte memory[4096];
    static Buffers buffers;
    std::memset(memory, 0, sizeof memory);
    const Queue::Shape shape{.size = 4,
                             .used_alignment = 4,
                             .table_entries = static_cast<std::uint16_t>(seed % 2 * 2),
                             .has_event_index = has_event_index};
    const PhysAddr at{reinterpret_cast<std::uintptr_t>(memory)};
    const auto queue = Ring::create(shape, memory, at).value();
    Device other;
    other.place = queue->place();
    other.has_event_index = has_event_index;
    m.run(seed, {[&] { drive(*queue, buffers); }, [&] { serve(other); }});
    WEAK_CHECK(queue->in_flight() == 0);
}

weak::Scenario split{"a device and its driver share a split ring", [](std::uint64_t seed) {
                         play<virtio::SplitQueue, weak::SplitDevice>(seed, false);
                     }};
weak::Scenario split_event{
    "a device and its driver share a split ring with event indices",
    [](std::uint64_t seed) { play<virtio::SplitQueue, weak::SplitDevice>(seed, true); }};
weak::Scenario packed{"a device and its driver share a packed ring", [](std::uint64_t seed) {
                          play<virtio::PackedQueue, weak::PackedDevice>(seed, false);
                      }};
weak::Scenario packed_event{
    "a device and its driver share a packed ring with event indices",
    [](std::uint64_t seed) { play<virtio::PackedQueue, weak::PackedDevice>(seed, true); }};

} // namespace
