// SPDX-License-Identifier: BSD-2-Clause
// The page cache of a disk against a model that is just bytes, on a device that may fail.
#include "memory_disk.h"

#include <random>

using namespace drupe;
using namespace drupe::block;
using namespace drupe::block::test;

// Volumes live for ever, as the disks below them.
extern "C" const char* __lsan_default_suppressions() { return "leak:drupe::block::Volume::create"; }

TEST_CASE("random reads and writes, cached and direct, show what was written") {
    constexpr std::size_t bytes = 100 * 1024 + 512; // the last page is not whole
    Rig rig(bytes);
    std::string model = rig.device.content;
    std::mt19937 random(GENERATE(range(0u, 12u)));
    for (int step = 0; step < 1500; step++) {
        const bool is_direct = random() % 4 == 0;
        const std::size_t unit = is_direct ? 512 : 1;
        const std::size_t at = random() % (bytes + 3000) / unit * unit;
        const std::size_t count = (1 + random() % (random() % 4 ? 3000u : 40000u)) / unit * unit;
        const std::size_t within = at < bytes ? std::min(count, bytes - at) : 0;
        switch (random() % 5) {
        case 0:
        case 1: {
            const auto got = rig.read(count, at, is_direct);
            REQUIRE(got.ok());
            REQUIRE(got.value() == model.substr(std::min(at, bytes), within));
            break;
        }
        case 2:
        case 3: {
            std::string text(count, '\0');
            for (char& c : text) c = static_cast<char>(random());
            const auto put = rig.write(text, at, is_direct);
            if (at >= bytes && count != 0) {
                REQUIRE(put.error() == Errc::no_space);
                break;
            }
            REQUIRE(put.value() == within);
            model.replace(std::min(at, bytes), within, text.substr(0, within));
            break;
        }
        case 4:
            if (random() % 2) {
                REQUIRE(rig.volume->sync().ok());
                REQUIRE(rig.device.content == model);
            } else if (at < bytes) {
                const std::size_t from = at / 512 * 512, size = within / 512 * 512;
                REQUIRE(rig.volume
                            ->clear(random() % 2 ? Operation::discard : Operation::write_zeroes,
                                    from, size)
                            .ok());
                model.replace(from, size, std::string(size, '\0'));
            }
        }
    }
    REQUIRE(rig.volume->sync().ok());
    CHECK(rig.device.content == model);
    CHECK(rig.device.flushes > 0);
}

TEST_CASE("a partition sees its part only") {
    Rig rig(64 * 512, 8, 16);
    REQUIRE(rig.write(std::string(20 * 512, 'p'), 0).value() == 16 * 512);
    REQUIRE(rig.volume->sync().ok());
    CHECK(rig.device.content ==
          std::string(8 * 512, 'd') + std::string(16 * 512, 'p') + std::string(40 * 512, 'd'));
    CHECK(rig.read(100, 16 * 512).value().empty());
}

TEST_CASE("what is read in one piece is asked for in few") {
    Rig rig(64 * 4096);
    CHECK(rig.read(32 * 4096, 0).value().size() == 32 * 4096);
    CHECK(rig.device.requests == 4); // of eight segments each
    CHECK(rig.read(32 * 4096, 0).value().size() == 32 * 4096);
    CHECK(rig.device.requests == 4);
}

TEST_CASE("what is written whole is not read before") {
    Rig rig(64 * 4096);
    REQUIRE(rig.write(std::string(16 * 4096, 'w'), 0).value() == 16 * 4096);
    CHECK(rig.device.requests == 0);
    CHECK(rig.read(16 * 4096, 0).value() == std::string(16 * 4096, 'w'));
    REQUIRE(rig.write("part", 20 * 4096).value() == 4);
    CHECK(rig.device.requests == 1);
}

TEST_CASE("errors reach the caller, are counted, and leave no wrong bytes behind") {
    Rig rig(64 * 4096);
    rig.device.fail_in = 1;
    CHECK(rig.read(10, 0).error() == Errc::io);
    const auto errors = [&](Operation kind) { return rig.disk.counters(kind).errors.load(); };
    CHECK(errors(Operation::read) == 1);
    CHECK(rig.read(10, 0).value() == "dddddddddd");
    REQUIRE(rig.write("abc", 5).value() == 3);
    rig.device.fail_in = 1;
    CHECK(rig.volume->sync().error() == Errc::io);
    CHECK(rig.volume->sync().ok());
    rig.device.fail_in = 1;
    CHECK(rig.volume->sync().error() == Errc::io); // the flush itself
    CHECK(errors(Operation::write) == 1);
    CHECK(errors(Operation::flush) == 1);
    rig.device.fail_in = 1;
    CHECK(rig.write(std::string(512, 'x'), 0, true).error() == Errc::io);
    CHECK(rig.write("x", 0, true).error() == Errc::invalid);
}

TEST_CASE("what goes past the cache leaves no memory behind") {
    Rig rig(64 * 4096);
    REQUIRE(rig.write(std::string(512, 'x'), 0, true).ok());
    const std::size_t free = mm::memory_stats().free.n;
    for (int n = 0; n < 10; n++) {
        REQUIRE(rig.write(std::string(40 * 1024, 'x'), 0, true).ok());
        REQUIRE(rig.read(40 * 1024, 0, true).ok());
    }
    CHECK(mm::memory_stats().free.n == free);
}

TEST_CASE("a read-only disk is not written to") {
    Rig rig(4096);
    rig.device.limits_.is_read_only = true;
    CHECK(rig.write("x", 0).error() == Errc::not_permitted);
    CHECK(rig.write(std::string(512, 'x'), 0, true).error() == Errc::not_permitted);
}

TEST_CASE("the cache stays within its share of memory") {
    constexpr std::size_t bytes = 3000 * 4096;
    Rig rig(bytes);
    std::string page(4096, 'w');
    for (std::size_t at = 0; at < bytes; at += 4096) {
        REQUIRE(rig.write(page, at).value() == 4096);
        REQUIRE(mm::memory_stats().free.n > 1000);
    }
    REQUIRE(rig.volume->sync().ok());
    CHECK(rig.device.content == std::string(bytes, 'w'));
}

TEST_CASE("what a writable mapping changes is written") {
    Rig rig(8 * 4096);
    VolumePages& object = rig.volume->pages();
    const PhysAddr frame = object.get_page(2).value();
    std::memcpy(mm::phys_to_virt(frame), "mapped", 6);
    REQUIRE(object.note_page_written(2, frame).value());
    mm::release_frame(frame);
    REQUIRE(object.write_back().ok());
    CHECK(rig.device.content.substr(2 * 4096, 7) == "mappedd");
}
