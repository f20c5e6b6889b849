// SPDX-License-Identifier: BSD-2-Clause
// What the cache of a volume holds, and for how long: pages given back when memory is short, and
// written in time; also those that programs have mapped.
#include "memory_disk.h"

#include <drupe/arch/host/machine.h>

#include <unit/mm/space_model.h>

using namespace drupe;
using namespace drupe::block;
using namespace drupe::block::test;
using arch::host::MmuAccess;
using mm::test::Outcome;
using mm::test::touch;

namespace {

constexpr std::size_t page = 4096, memory_pages = 4096; // of Rig
constexpr std::size_t sectors = page / sector_bytes;

struct NoFile final : mm::MappedFile {
    void destroy_self() override { delete this; }
};

/// A program that has mapped the begin of the volume, shared and writable.
struct Program {
    OwnPtr<mm::AddressSpace> space = mm::AddressSpace::create().value();
    VirtAddr at{};
    Program(Rig& rig, std::size_t pages) {
        mm::MapRequest request;
        request.pages = {pages};
        request.perm = request.may = arch::Perm::read | arch::Perm::write;
        request.sharing = mm::Sharing::shared;
        request.object = RefPtr<mm::VmObject>(&rig.volume->pages());
        request.file = make_ref<NoFile>().value();
        request.tells_writes = true;
        at = space->map(request).value();
    }
    std::uint64_t read(std::size_t index) {
        PhysAddr where{};
        REQUIRE(touch(*space, at + index * page, MmuAccess::read, where) == Outcome::done);
        return mm::test::word_at(where);
    }
    void write(std::size_t index, std::uint64_t word) {
        PhysAddr where{};
        REQUIRE(touch(*space, at + index * page, MmuAccess::write, where) == Outcome::done);
        mm::test::word_at(where) = word;
    }
};

std::uint64_t word_on(const MemoryDevice& device, std::size_t index) {
    std::uint64_t word = 0;
    std::memcpy(&word, &device.content[index * page], sizeof word);
    return word;
}

} // namespace

TEST_CASE("a disk larger than memory is written and read with memory to spare") {
    constexpr std::size_t pages = 10000;
    Rig rig(pages * page);
    for (std::size_t i = 0; i < pages; i++) {
        REQUIRE(rig.write(std::string(page, static_cast<char>(i % 251)), i * page).value() == page);
        REQUIRE(dirty_page_count() <= memory_pages / 5 + 1);
        REQUIRE(mm::memory_stats().free.n > memory_pages / 128);
    }
    for (std::size_t i = 0; i < pages; i++) {
        REQUIRE(rig.read(page, i * page).value() == std::string(page, static_cast<char>(i % 251)));
        REQUIRE(mm::memory_stats().free.n > memory_pages / 128);
    }
    REQUIRE(rig.volume->sync().ok());
    for (std::size_t i = 0; i < pages; i++)
        REQUIRE(rig.device.content[i * page + 17] == static_cast<char>(i % 251));
}

TEST_CASE("what is used again and again stays in memory, what was used once goes") {
    Rig rig(10000 * page);
    REQUIRE(rig.read(1, 9999 * page).ok());
    for (std::size_t i = 0; i < 9000; i += 2) { // not one behind the other: no reading ahead
        REQUIRE(rig.read(1, i * page).ok());
        const std::size_t before = rig.device.sectors_read;
        REQUIRE(rig.read(1, 9999 * page).ok());
        REQUIRE(rig.device.sectors_read == before);
    }
    const std::size_t before = rig.device.sectors_read;
    REQUIRE(rig.read(1, 0).ok());
    CHECK(rig.device.sectors_read == before + sectors);
}

TEST_CASE("who reads on is served ahead") {
    Rig rig(1000 * page);
    for (std::size_t i = 0; i < 640; i++) REQUIRE(rig.read(page, i * page).ok());
    CHECK(rig.device.requests <= 1 + 640 / 8 + 3); // of eight segments each
}

TEST_CASE("a shared mapping writes the pages that were written since, and no others") {
    Rig rig(64 * page);
    Program program(rig, 64);
    for (std::size_t i = 0; i < 64; i++) CHECK(program.read(i) == 0x6464646464646464);
    program.write(3, 33);
    program.write(40, 44);
    REQUIRE(rig.volume->pages().write_back().ok());
    CHECK(rig.device.sectors_written == 2 * sectors);
    CHECK(word_on(rig.device, 3) == 33);
    CHECK(word_on(rig.device, 40) == 44);
    REQUIRE(rig.volume->pages().write_back().ok());
    CHECK(rig.device.sectors_written == 2 * sectors);
    program.write(3, 34); // again: it was read-only until now
    REQUIRE(rig.volume->pages().write_back().ok());
    CHECK(rig.device.sectors_written == 3 * sectors);
    CHECK(word_on(rig.device, 3) == 34);
}

TEST_CASE("mapped pages are given back too, and what was written to them is written first") {
    constexpr std::size_t pages = 8000;
    Rig rig(pages * page);
    Program program(rig, pages);
    for (std::size_t i = 0; i < pages; i++) {
        if (i % 3 == 0)
            program.write(i, i + 1);
        else
            CHECK(program.read(i) == 0x6464646464646464);
        REQUIRE(mm::memory_stats().free.n > memory_pages / 256);
    }
    for (std::size_t i = 0; i < pages; i++)
        REQUIRE(program.read(i) == (i % 3 == 0 ? i + 1 : 0x6464646464646464));
    REQUIRE(rig.volume->sync().ok());
    for (std::size_t i = 0; i < pages; i += 3) REQUIRE(word_on(rig.device, i) == i + 1);
}

TEST_CASE("locked pages stay") {
    Rig rig(64 * page);
    Program program(rig, 16);
    REQUIRE(program.space->set_locked(program.at, {16}, mm::Locked::yes).ok());
    for (std::size_t i = 0; i < 16; i++) program.read(i);
    for (std::size_t i = 16; i < 64; i++) REQUIRE(rig.read(1, i * page).ok());
    CHECK(reclaim_pages(1000) == 48);
    CHECK(rig.volume->pages().page_count() == 16);
}

TEST_CASE("what is dirty is written after some seconds, without a flush") {
    arch::host::reset();
    Rig rig(64 * page);
    REQUIRE(rig.write("abc", 5 * page).value() == 3);
    const Nanos next = tend_caches();
    CHECK(rig.device.sectors_written == 0);
    CHECK(next != Nanos::never());
    arch::host::machine.clock += 6'000'000'000;
    CHECK(tend_caches() == Nanos::never());
    CHECK(rig.device.content.substr(5 * page, 4) == "abcd");
    CHECK(rig.device.flushes == 0);
}

TEST_CASE("neighbours are written with one request") {
    Rig rig(64 * page);
    rig.device.limits_.segments = 32;
    for (std::size_t i = 0; i < 32; i++)
        REQUIRE(rig.write(std::string(page, 'n'), (31 - i) * page).ok());
    REQUIRE(rig.write(std::string(page, 'n'), 40 * page).ok());
    rig.volume->write_back();
    CHECK(rig.device.requests == 2);
}

TEST_CASE("a write that failed in the background is told once to each who has it open") {
    Rig rig(64 * page);
    std::atomic<std::uint32_t> one{rig.volume->told_failures()}, two{rig.volume->told_failures()};
    REQUIRE(rig.write("abc", 0).ok());
    rig.device.fail_in = 1;
    rig.volume->write_back();
    CHECK(rig.volume->sync(one).error() == Errc::io);
    CHECK(rig.volume->sync(one).ok());
    CHECK(rig.volume->sync(two).error() == Errc::io);
    CHECK(rig.volume->sync(two).ok());
    REQUIRE(rig.write("abc", 0).ok());
    rig.device.fail_in = 1;
    rig.volume->write_back();
    std::atomic<std::uint32_t> late{rig.volume->told_failures()}; // nobody has been told yet
    CHECK(rig.volume->sync(late).error() == Errc::io);
    CHECK(rig.disk.counters(Operation::write).errors.load() == 2);
}
