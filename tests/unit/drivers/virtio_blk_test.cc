// SPDX-License-Identifier: BSD-2-Clause
// The block driver against a device that a test plays.
#include <support/fake_virtio.h>
#include <support/test_memory.h>

#include <drupe/block/device.h>
#include <drupe/drivers/device.h>

#include <deque>

using namespace drupe;
using block::Operation;
using test::Chain;
using test::FakeTransport;

// A driver that was bound lives for ever, with its queues. What a failed probe left would not be
// seen either.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:drupe::virtio::make_queue\nleak:make_own<drupe::virtio::";
}

namespace {

struct Job : block::Request {
    block::Segment segment{};
    int done_count = 0;
    Job(Operation what, std::uint64_t at, char* memory, std::uint32_t bytes = 512) {
        operation = what;
        sector = at;
        if (memory) segment = {mm::virt_to_phys(memory), bytes}, segments = {&segment, 1};
        done = [](block::Request& r) { static_cast<Job&>(r).done_count++; };
    }
};

struct Rig {
    testing::TestMemory memory{1024};
    FakeTransport transport;
    drivers::Device* device = nullptr;
    block::BlockDevice* disk = nullptr;
    std::string content = std::string(64 * 512, 'd');
    char* data;

    explicit Rig(std::uint64_t features = 0) {
        transport.features = virtio::feature_version_1 | virtio::feature_indirect | features;
        transport.fields.resize(60);
        set(0, 64, 8);
        data = static_cast<char*>(mm::phys_to_virt(mm::alloc_frames().value()));
    }
    void set(std::size_t offset, std::uint64_t value, std::size_t width) {
        std::memcpy(&transport.fields[offset], &value, width);
    }
    Result<void> probe() {
        drivers::DeviceNode node{};
        node.compatible = "virtio,device2";
        node.transport = &transport;
        device = TRY(drivers::find_driver(node)->probe(node, nullptr)).leak();
        disk = device->block(0);
        return {};
    }
    /// One request as a sound device does it; its status to be.
    void work(const Chain& chain, std::uint8_t status) {
        struct Header {
            std::uint32_t kind, priority;
            std::uint64_t sector;
        } header;
        const std::string sent = chain.read();
        REQUIRE(sent.size() >= sizeof header);
        std::memcpy(&header, sent.data(), sizeof header);
        if (header.kind == 0) chain.write(content.substr(header.sector * 512, chain.room() - 1));
        if (header.kind == 1)
            content.replace(header.sector * 512, sent.size() - 16, sent.substr(16));
        const virtio::Piece& last = chain.writable.back();
        REQUIRE(last.bytes == 1);
        std::memcpy(mm::phys_to_virt(last.at), &status, 1);
        kinds.push_back(header.kind);
        transport.queue[0].push(chain.head, static_cast<std::uint32_t>(chain.room()));
    }
    void work_all(std::uint8_t status = 0) {
        while (transport.queue[0].has_request()) work(transport.queue[0].pop(), status);
        transport.interrupt();
    }
    std::vector<std::uint32_t> kinds;
};

} // namespace

TEST_CASE("blk: limits as the device says them, and sane where it does not make sense") {
    Rig rig(1 << 1 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 10 | 1 << 13);
    rig.set(8, 16, 4); // less than a page
    rig.set(12, 0, 4); // no segments
    rig.set(20, 4096, 4);
    rig.set(24, 2, 1);
    rig.set(28, 8, 4);
    rig.set(36, 100, 4);
    REQUIRE(rig.probe().ok());
    const block::Limits& limits = rig.disk->limits();
    CHECK(limits.sectors == 64);
    CHECK(limits.is_read_only);
    CHECK(limits.block_bytes == 4096);
    CHECK(limits.physical_bytes == 16384);
    CHECK(limits.best_bytes == 32768);
    CHECK(limits.segments == 1);
    CHECK(limits.segment_bytes >= page_size);
    CHECK(limits.discard_sectors == 100);
    CHECK(limits.zero_sectors == 0);
    Job write(Operation::write, 0, rig.data);
    rig.disk->submit(write);
    CHECK(write.outcome == Errc::read_only);
    CHECK(write.done_count == 1);
}

TEST_CASE("blk: every kind of request, and what becomes of it") {
    Rig rig(1 << 9 | 1 << 13 | 1 << 14);
    REQUIRE(rig.probe().ok());
    std::memset(rig.data, 'w', 512);
    Job write(Operation::write, 3, rig.data), flush(Operation::flush, 0, nullptr);
    Job discard(Operation::discard, 5, nullptr), read(Operation::read, 3, rig.data + 512);
    discard.sectors = 2;
    for (Job* job : {&write, &flush, &discard, &read}) rig.disk->submit(*job);
    CHECK(write.done_count == 0);
    rig.work_all();
    for (Job* job : {&write, &flush, &discard, &read}) {
        CHECK(job->done_count == 1);
        CHECK(job->outcome == Errc::ok);
    }
    CHECK(rig.kinds == std::vector<std::uint32_t>{1, 4, 11, 0});
    CHECK(std::string(rig.data + 512, 512) == std::string(512, 'w'));
    Job again(Operation::read, 3, rig.data);
    rig.disk->submit(again);
    rig.work_all(1);
    CHECK(again.outcome == Errc::io);
    Job strange(Operation::read, 3, rig.data);
    rig.disk->submit(strange);
    rig.work_all(77);
    CHECK(strange.outcome == Errc::io);
}

TEST_CASE("blk: more requests than fit wait, and all are done") {
    Rig rig;
    REQUIRE(rig.probe().ok());
    std::deque<Job> jobs;
    for (unsigned i = 0; i < 200; i++) {
        jobs.emplace_back(Operation::read, i % 64, rig.data);
        rig.disk->submit(jobs.back());
    }
    for (int round = 0; round < 4; round++) rig.work_all();
    for (Job& job : jobs) CHECK((job.done_count == 1 && job.outcome == Errc::ok));
}

TEST_CASE("blk: a flush of a device that keeps nothing back is done at once") {
    Rig rig;
    REQUIRE(rig.probe().ok());
    Job flush(Operation::flush, 0, nullptr);
    rig.disk->submit(flush);
    CHECK(flush.done_count == 1);
    CHECK(flush.outcome == Errc::ok);
    CHECK(rig.transport.notices == 0);
}

TEST_CASE("blk: when the device lies, all that it has fails, and what comes later") {
    Rig rig;
    REQUIRE(rig.probe().ok());
    std::deque<Job> jobs;
    for (unsigned i = 0; i < 100; i++) {
        jobs.emplace_back(Operation::read, i % 64, rig.data);
        rig.disk->submit(jobs.back());
    }
    rig.work(rig.transport.queue[0].pop(), 0);
    rig.transport.queue[0].push(4711, 1);
    rig.transport.interrupt();
    unsigned failed = 0;
    for (Job& job : jobs) {
        CHECK(job.done_count == 1);
        failed += job.outcome == Errc::io;
    }
    CHECK(failed == 99);
    Job late(Operation::read, 0, rig.data);
    rig.disk->submit(late);
    CHECK(late.outcome == Errc::io);
    CHECK(late.done_count == 1);
}

TEST_CASE("blk: a second look finds what no interrupt told of, and tells the device once more") {
    Rig rig;
    REQUIRE(rig.probe().ok());
    Job early(Operation::read, 0, rig.data), late(Operation::read, 1, rig.data);
    rig.disk->submit(early);
    rig.work(rig.transport.queue[0].pop(), 0);
    CHECK(early.done_count == 0);
    rig.disk->recover(early);
    CHECK(early.done_count == 1);
    CHECK(early.outcome == Errc::ok);
    const unsigned idle = rig.transport.notices;
    rig.disk->recover(early); // has nothing to do
    CHECK(rig.transport.notices == idle);
    rig.disk->submit(late);
    const unsigned told = rig.transport.notices;
    rig.disk->recover(late);
    CHECK(rig.transport.notices == told + 1);
    CHECK(late.done_count == 0);
    rig.work_all();
    CHECK(late.done_count == 1);
}

TEST_CASE("blk: without indirect tables requests are no longer than the ring") {
    Rig rig;
    rig.transport.features = virtio::feature_version_1;
    rig.transport.limit = GENERATE(std::uint16_t{8}, std::uint16_t{2});
    const auto up = rig.probe();
    if (rig.transport.limit == 8)
        CHECK((up.ok() && rig.disk->limits().segments == 5));
    else
        CHECK(up.error() == Errc::not_supported);
}
