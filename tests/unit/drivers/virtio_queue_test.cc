// SPDX-License-Identifier: BSD-2-Clause
// Queues of both kinds and the talk before them, with devices that are honest and devices that are
// not.
#include <support/failing_allocator.h>
#include <support/fake_virtio.h>
#include <support/test_memory.h>

#include <drupe/virtio/packed_queue.h>
#include <drupe/virtio/split_queue.h>

#include <random>

using namespace drupe;
using namespace drupe::virtio;
using drupe::test::Chain;
using drupe::test::DeviceQueue;
using drupe::test::FakeTransport;
using drupe::testing::TestMemory;

namespace {

struct Request {
    std::uint32_t offered = 0;
    bool is_out = false;
};

struct Rig {
    TestMemory memory{256};
    FakeTransport transport;
    Queue* queue = nullptr;
    std::uint64_t agreed = 0;

    explicit Rig(std::uint64_t features, std::uint16_t size = 8, std::uint16_t table = 4,
                 bool legacy = false) {
        transport.features = features | (legacy ? std::uint64_t{0} : feature_version_1);
        transport.legacy = legacy;
        agreed = negotiate(transport, 0).value();
        queue = make_queue(transport, 0, size, table, agreed).value();
        start(transport);
    }
    ~Rig() { OwnPtr<Queue> gone(queue); }
    DeviceQueue& device() { return transport.queue[0]; }
    void poke(unsigned used_word, std::uint16_t value) { device().set_used(used_word, value); }
    Result<void> add(Request& request, unsigned pieces = 1) {
        std::vector<Piece> p(pieces, Piece{PhysAddr{0x40001000}, 16});
        request.offered = pieces * 16;
        return queue->add({}, p, &request);
    }
};

} // namespace

TEST_CASE("talk: features that both know, in the order that is due") {
    FakeTransport device;
    device.features = feature_version_1 | feature_indirect | 1ull << 5 | 1ull << 9;
    CHECK(negotiate(device, 1ull << 5 | 1ull << 6).value() ==
          (feature_version_1 | feature_indirect | 1ull << 5));
    start(device);
    CHECK(device.statuses == std::vector<std::uint8_t>{0, 1, 3, 11, 15});
    device.refuses_features = true;
    CHECK(negotiate(device, 0).error() == Errc::not_supported);
    device.refuses_features = false;
    device.features = feature_indirect; // modern in name only
    CHECK(negotiate(device, 0).error() == Errc::not_supported);
    device.legacy = true;
    device.statuses.clear();
    CHECK(negotiate(device, 0).value() == feature_indirect);
    CHECK(device.statuses == std::vector<std::uint8_t>{0, 1, 3});
}

TEST_CASE("queues: no larger than device and driver want, and none where there is none") {
    Rig rig(feature_indirect);
    rig.transport.limit = 5;
    CHECK(make_queue(rig.transport, 1, 8, 0, 0).error() == Errc::not_found);
    rig.transport.queues = 2;
    rig.transport.set_status(0);
    OwnPtr<Queue> small(make_queue(rig.transport, 1, 8, 0, 0).value());
    CHECK(small->place().size == 4);
    CHECK(SplitQueue::create(
              {.size = 6, .used_alignment = 4, .table_entries = 0, .has_event_index = false}, {},
              PhysAddr{0})
              .error() == Errc::invalid);
}

TEST_CASE("legacy queues lie as one address says") {
    Rig rig(0, 8, 4, true);
    const QueuePlace place = rig.queue->place();
    CHECK(is_aligned(raw(place.descriptors), 4096));
    CHECK(raw(place.available) == raw(place.descriptors) + 8 * 16);
    CHECK(raw(place.used) == raw(place.descriptors) + 4096);
}

TEST_CASE("random traffic with an honest device: all comes back, once, with what was written") {
    const std::uint64_t features =
        GENERATE(0ull, feature_packed) | GENERATE(0ull, 1ull << 28, 1ull << 29, 3ull << 28);
    const unsigned seed = GENERATE(range(0u, 8u));
    Rig rig(features);
    rig.device().has_event_index = (features & feature_event_index) != 0;
    std::mt19937 random(seed);
    std::vector<OwnPtr<Request>> requests;
    std::map<std::uint16_t, std::uint32_t> at_device; // head -> room
    unsigned added = 0, done = 0;
    bool sleeps = false;
    for (int step = 0; step < 4000; step++) {
        switch (random() % 4) {
        case 0: {
            requests.push_back(make_own<Request>().value());
            Request& r = *requests.back();
            const unsigned pieces = 1 + random() % 6;
            const auto outcome = rig.add(r, pieces);
            if (outcome)
                added++, r.is_out = true;
            else
                CHECK(outcome.error() == Errc::no_space);
            // The device sleeps until it is told; a notice must come then.
            if (rig.queue->publish()) sleeps = false;
            break;
        }
        case 1:
            if (sleeps) break;
            rig.device().wants_notice = false;
            while (rig.device().has_request() && random() % 4) {
                const Chain chain = rig.device().pop();
                CHECK_FALSE(at_device.contains(chain.head));
                at_device[chain.head] = static_cast<std::uint32_t>(chain.room());
            }
            if (!rig.device().has_request()) {
                rig.device().wants_notice = true;
                rig.device().tell_driver();
                sleeps = true;
            }
            break;
        case 2:
            if (at_device.empty()) break;
            {
                auto it = std::next(at_device.begin(), random() % at_device.size());
                rig.device().push(it->first, it->second);
                at_device.erase(it);
            }
            break;
        case 3:
            while (auto c = rig.queue->take().value()) {
                auto& r = *static_cast<Request*>(c->owner);
                CHECK(r.is_out);
                CHECK(c->written == r.offered);
                r.is_out = false;
                done++;
            }
        }
    }
    CHECK(added > 300);
    CHECK(rig.queue->in_flight() == added - done);
    for (unsigned left = 0; rig.queue->abandon(); left++) REQUIRE(left < 8);
}

TEST_CASE("interrupts: asked for or not, and never one missed") {
    const std::uint64_t features = GENERATE(0ull, feature_packed) | GENERATE(0ull, 1ull << 29);
    Rig rig(features);
    Request a, b;
    REQUIRE(rig.add(a));
    REQUIRE(rig.add(b));
    REQUIRE(rig.queue->publish());
    CHECK_FALSE(rig.queue->publish()); // nothing new
    const Chain first = rig.device().pop(), second = rig.device().pop();
    CHECK_FALSE(rig.queue->expect_interrupt());
    rig.device().push(first.head, 16);
    CHECK(rig.device().interrupts == 1);
    rig.queue->silence_interrupts();
    CHECK(rig.queue->take().value()->owner == &a);
    rig.device().push(second.head, 16); // between the last look and the wish
    CHECK(rig.device().interrupts == 1);
    CHECK(rig.queue->expect_interrupt());
    CHECK(rig.queue->take().value()->owner == &b);
    CHECK_FALSE(rig.queue->expect_interrupt());
    CHECK_FALSE(rig.queue->take().value());
}

TEST_CASE("a device that sleeps is told, one that does not is spared") {
    const std::uint64_t features = GENERATE(0ull, feature_packed) | GENERATE(0ull, 1ull << 29);
    Rig rig(features);
    Request a, b;
    rig.device().wants_notice = false;
    rig.device().tell_driver();
    REQUIRE(rig.add(a));
    CHECK_FALSE(rig.queue->publish());
    rig.device().pop();
    rig.device().wants_notice = true;
    rig.device().tell_driver();
    REQUIRE(rig.add(b));
    CHECK(rig.queue->publish());
}

TEST_CASE("a device that lies is not listened to, and everything is still to be had back") {
    const bool is_packed = GENERATE(false, true);
    Rig rig(is_packed ? std::uint64_t{feature_packed} : 0);
    Request a, b;
    REQUIRE(rig.add(a));
    REQUIRE(rig.add(b, 2));
    REQUIRE(rig.queue->publish());
    const Chain first = rig.device().pop(), second = rig.device().pop();
    const int lie = GENERATE(0, 1, 2, 3);
    switch (lie) {
    case 0: rig.device().push(8, 0); break;                            // no such descriptor
    case 1: rig.device().push(is_packed ? 0xffff : 0x10000, 0); break; // more than 16 bits
    case 2: rig.device().push(second.head + 1u, 0); break;             // not the first of a request
    case 3:
        if (is_packed)
            rig.device().push(7, 0); // a number that is not out
        else
            rig.poke(1, 3); // more than there were
        break;
    }
    CHECK(rig.queue->take().error() == Errc::io);
    CHECK(rig.queue->is_broken());
    rig.device().push(first.head, 16);
    CHECK(rig.queue->take().error() == Errc::io);
    CHECK(rig.add(a).error() == Errc::io);
    CHECK(rig.queue->abandon() != nullptr);
    CHECK(rig.queue->abandon() != nullptr);
    CHECK(rig.queue->abandon() == nullptr);
}

TEST_CASE("what comes back twice comes back once, and no longer than it was") {
    Rig rig(feature_indirect | GENERATE(0ull, feature_packed));
    Request a, b;
    REQUIRE(rig.add(a, 3));
    REQUIRE(rig.add(b, 1));
    REQUIRE(rig.queue->publish());
    const Chain first = rig.device().pop();
    rig.device().push(first.head, 0xffffffff);
    const auto completion = rig.queue->take().value();
    CHECK(completion->owner == &a);
    CHECK(completion->written == 48);
    rig.device().push(first.head, 16);
    CHECK(rig.queue->take().error() == Errc::io);
    CHECK(rig.queue->abandon() == &b);
}

TEST_CASE("requests that never fit are told from those that do not fit now") {
    Rig rig(GENERATE(0ull, feature_packed));
    Request a, b;
    CHECK(rig.add(a, 9).error() == Errc::too_big);
    REQUIRE(rig.add(a, 8));
    CHECK(rig.add(b, 1).error() == Errc::no_space);
    CHECK(rig.queue->add({}, {}, &a).error() == Errc::invalid);
    CHECK(rig.queue->abandon() == &a);
}

TEST_CASE("packed: offered and modern, it is what there is; a legacy device has none") {
    FakeTransport device;
    device.features |= feature_packed;
    CHECK(negotiate(device, 0).value() == (feature_version_1 | feature_packed));
    device.legacy = true;
    CHECK(negotiate(device, 0).value() == 0);
}

TEST_CASE("packed: chains across the end of the ring, given back in another order") {
    Rig rig(feature_packed | GENERATE(0ull, 1ull << 29), 8, 0);
    Request r[3];
    for (int round = 0; round < 40; round++) {
        // Seven descriptors each round: every place of the ring begins a chain once.
        for (unsigned i = 0; i < 3; i++) REQUIRE(rig.add(r[i], 1u << i));
        REQUIRE(rig.queue->publish());
        Chain chains[3];
        for (Chain& chain : chains) chain = rig.device().pop();
        CHECK(chains[2].writable.size() == 4);
        for (const unsigned i : {2, 0, 1}) rig.device().push(chains[i].head, 16u << i);
        for (const unsigned i : {2, 0, 1}) {
            const auto got = rig.queue->take().value();
            REQUIRE(got);
            CHECK(got->owner == &r[i]);
            CHECK(got->written == 16u << i);
        }
        CHECK_FALSE(rig.queue->take().value());
        CHECK_FALSE(rig.queue->expect_interrupt());
    }
    CHECK(rig.queue->in_flight() == 0);
}

TEST_CASE("packed: what was added is not the device's before it is published") {
    Rig rig(feature_packed, 8, 0);
    Request a, b;
    REQUIRE(rig.add(a, 2));
    REQUIRE(rig.add(b, 2));
    CHECK_FALSE(rig.device().has_request());
    REQUIRE(rig.queue->publish());
    rig.device().pop();
    rig.device().pop();
    CHECK_FALSE(rig.device().has_request());
    while (rig.queue->abandon()) {}
}

TEST_CASE("without memory there is no queue, and nothing is kept") {
    const std::uint64_t features = GENERATE(0ull, feature_packed);
    TestMemory memory(256);
    FakeTransport device;
    for (std::size_t n = 1; n <= 2; n++) {
        testing::FailingAllocator failing(n);
        auto made = make_queue(device, 0, 8, 0, features);
        CHECK(made.error() == Errc::no_memory);
    }
    CHECK(memory.leaked() == 0);
}
