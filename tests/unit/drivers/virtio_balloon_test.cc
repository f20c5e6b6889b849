// SPDX-License-Identifier: BSD-2-Clause
// The balloon against a device that a test plays, which notes whose pages it has.
#include "../../../src/drivers/virtio/balloon.h"

#include <support/fake_virtio.h>
#include <support/test_memory.h>

#include <set>

using namespace drupe;

// Queues and what a device was given stay for ever.
extern "C" const char* __lsan_default_suppressions() { return "leak:drupe::virtio::make_queue"; }

namespace {

struct Rig {
    testing::TestMemory memory{8192};
    test::FakeTransport transport;
    virtio::Balloon balloon{transport};
    std::set<std::uint32_t> pages; // that the device has
    bool lies = false;
    std::size_t free_before = 0;

    explicit Rig(std::uint64_t features = 0) {
        transport.features = virtio::feature_version_1 | features;
        transport.queues = 3;
        transport.fields.resize(8);
        transport.on_notify = [this](std::uint16_t q) { play(q); };
        REQUIRE(balloon.init().ok());
        free_before = mm::memory_stats().free.n;
    }
    void play(std::uint16_t q) {
        if (q == 2) return; // statistics are kept until they are wanted
        while (transport.queue[q].has_request()) {
            const test::Chain chain = transport.queue[q].pop();
            const std::string sent = chain.read();
            CHECK(chain.writable.empty());
            for (std::size_t at = 0; at + 4 <= sent.size(); at += 4) {
                std::uint32_t number;
                std::memcpy(&number, &sent[at], 4);
                CHECK(mm::is_ram(PhysAddr{std::uint64_t{number} << 12}));
                CHECK((q == 0 ? pages.insert(number).second : pages.erase(number) == 1));
            }
            transport.queue[q].push(lies ? 77u : chain.head, 0);
        }
    }
    void want(std::uint32_t count) {
        std::memcpy(&transport.fields[0], &count, 4);
        balloon.work();
    }
    std::uint32_t actual() const {
        std::uint32_t value;
        std::memcpy(&value, &transport.fields[4], 4);
        return value;
    }
    std::size_t missing() const { return free_before - mm::memory_stats().free.n; }
};

} // namespace

TEST_CASE("balloon: pages go and come as the device wants, each once") {
    Rig rig;
    for (const std::uint32_t count : {10u, 3000u, 2999u, 1020u, 4096u, 1u, 0u}) {
        rig.want(count);
        CHECK(rig.actual() == count);
        CHECK(rig.pages.size() == count);
        // And a page for each thousand.
        CHECK(rig.missing() >= count);
        CHECK(rig.missing() <= count + count / 512 + 12);
    }
    CHECK(rig.missing() == 0);
}

TEST_CASE("balloon: the machine keeps some, whatever the device wants") {
    Rig rig;
    rig.want(0xffff'ffff);
    CHECK(rig.actual() > 7000);
    CHECK(mm::memory_stats().free.n >= 200);
    const std::uint32_t had = rig.actual();
    rig.balloon.work(); // a second later
    CHECK(rig.actual() - had < 60);
    rig.want(0);
    CHECK(rig.missing() == 0);
}

TEST_CASE("balloon: who has no memory gets some, and the device hears of it") {
    Rig rig(1 << 2);
    rig.want(3000);
    REQUIRE(rig.balloon.give_back());
    CHECK(rig.pages.size() == 3000); // not told yet
    CHECK(rig.missing() < 2100);
    rig.balloon.work();
    CHECK(rig.actual() == rig.pages.size());
    CHECK(rig.actual() < 2100); // and not taken again
    rig.want(3000);
    const std::uint32_t after = rig.actual();
    CHECK(after < 2100); // it is the same that the device wanted
    rig.want(2999);
    CHECK(rig.actual() == 2999);
    while (rig.balloon.give_back()) {}
    CHECK_FALSE(rig.balloon.give_back());
    rig.balloon.work();
    CHECK(rig.pages.empty());
    CHECK(rig.missing() == 0);
}

TEST_CASE("balloon: statistics are true, and come when the device wants them") {
    Rig rig(1 << 1);
    const auto read = [&] {
        REQUIRE(rig.transport.queue[2].has_request());
        const test::Chain chain = rig.transport.queue[2].pop();
        const std::string sent = chain.read();
        REQUIRE(sent.size() == 30);
        std::map<std::uint16_t, std::uint64_t> all;
        for (std::size_t at = 0; at < sent.size(); at += 10) {
            std::uint16_t tag;
            std::memcpy(&tag, &sent[at], 2);
            std::memcpy(&all[tag], &sent[at + 2], 8);
        }
        CHECK(all[5] == mm::memory_stats().total.bytes());
        return std::pair(chain.head, all[4]);
    };
    auto [head, free] = read();
    CHECK(free >= rig.free_before * 4096);
    rig.want(1000);
    CHECK_FALSE(rig.transport.queue[2].has_request()); // it has one
    rig.transport.queue[2].push(head, 0);
    rig.balloon.work();
    CHECK(read().second <= free - 1000 * 4096);
}

TEST_CASE("balloon: a device that lies gets no more, and its pages are not used") {
    Rig rig;
    rig.want(100);
    rig.lies = true;
    const bool grows = GENERATE(true, false);
    rig.want(grows ? 200 : 50);
    CHECK_FALSE(rig.balloon.wait());
    CHECK(rig.missing() >= 100);
}
