// SPDX-License-Identifier: BSD-2-Clause
// What a disk without power shows. Every write that reaches the device is recorded, with the
// flushes between them. For each moment a disk is made of what must be there (all that a flush
// covered) and of any choice of what came after, and compared with what sync had promised then.
#include "memory_disk.h"

#include <drupe/arch/host/machine.h>

#include <random>
#include <string>

using namespace drupe;
using namespace drupe::block;
using drupe::testing::TestMemory;

namespace {

constexpr std::size_t block_count = 96, block_bytes = 4096;
constexpr std::size_t bytes = block_count * block_bytes;

struct Write {
    std::size_t at;
    std::string data;
};

/// A device with a cache of its own that keeps everything until a flush; and a log of it.
class Recorder final : public BlockDevice {
public:
    Recorder() {
        limits_.sectors = bytes / sector_bytes;
        limits_.segments = 8;
        limits_.zero_sectors = limits_.discard_sectors = 1 << 10;
    }
    /// Writes in order; a flush is a place between them.
    std::vector<Write> writes;
    std::size_t flushed = 0; // writes that the last flush covers
    std::string content = std::string(bytes, '\0');
    bool ignores_flush = false;

    const Limits& limits() const override { return limits_; }
    void submit(Request& r) override {
        if (r.operation == Operation::flush && !ignores_flush) flushed = writes.size();
        std::size_t at = r.sector * sector_bytes;
        if (r.sectors != 0) record(at, std::string(r.sectors * sector_bytes, '\0'));
        for (const Segment& segment : r.segments) {
            char* const memory = static_cast<char*>(mm::phys_to_virt(segment.at));
            if (r.operation == Operation::read)
                std::memcpy(memory, &content[at], segment.bytes);
            else
                record(at, std::string(memory, segment.bytes));
            at += segment.bytes;
        }
        r.done(r);
    }

private:
    void record(std::size_t at, std::string data) {
        content.replace(at, data.size(), data);
        writes.push_back({at, std::move(data)});
    }
    Limits limits_;
};

/// What the program has written and what of it was promised: by block, the numbers that may be
/// found there after a loss of power.
struct Promise {
    std::uint32_t promised[block_count] = {}; // not older than this
    std::uint32_t written[block_count] = {};  // not younger than this
};

std::uint32_t number_at(const std::string& disk, std::size_t block, std::size_t word) {
    std::uint32_t number;
    std::memcpy(&number, &disk[block * block_bytes + word * 4], 4);
    return number;
}

/// The first block that is not as promised; block_count: there is none.
std::size_t first_broken(const std::string& disk, const Promise& promise) {
    for (std::size_t block = 0; block < block_count; block++)
        for (std::size_t word : {0, 127, 128, 512, 1023}) // several sectors of it
            if (number_at(disk, block, word) < promise.promised[block] ||
                number_at(disk, block, word) > promise.written[block])
                return block;
    return block_count;
}

struct Rig {
    TestMemory memory{1024};
    Recorder device;
    Disk disk{device, "vda"};
    Volume* volume = Volume::create(disk, 0, bytes / sector_bytes, 0, 0).value();
    std::mt19937 random;
    Promise promise;
    std::uint32_t number = 0;
    std::string base = std::string(bytes, '\0'); // what a flush covered
    std::size_t applied = 0;                     // of the writes, to the base

    explicit Rig(unsigned seed) : random(seed) { block::test::tend_only(*volume); }

    void put(std::size_t block, bool is_direct) {
        number++;
        std::vector<std::uint32_t> words(block_bytes / 4, number);
        auto buffer = vfs::IoBuffer::kernel(words.data(), block_bytes);
        const std::uint64_t at = block * block_bytes;
        promise.written[block] = number;
        REQUIRE((is_direct ? volume->write_direct(buffer, at) : volume->write(buffer, at)).ok());
    }
    void sync() {
        REQUIRE(volume->sync().ok());
        std::copy(std::begin(promise.written), std::end(promise.written), promise.promised);
    }
    /// The disk as it may be now: the flushed writes, and some of the later ones, sector by sector
    /// (a device may tear a write and keep a later one).
    std::string after_loss() {
        for (; applied < device.flushed; applied++)
            base.replace(device.writes[applied].at, device.writes[applied].data.size(),
                         device.writes[applied].data);
        std::string disk_now = base;
        const unsigned kept = random() % 4; // none, few, most, all
        for (std::size_t i = device.flushed; i < device.writes.size(); i++)
            for (std::size_t at = 0; at < device.writes[i].data.size(); at += sector_bytes)
                if (random() % 3 < kept)
                    disk_now.replace(device.writes[i].at + at, sector_bytes, device.writes[i].data,
                                     at, sector_bytes);
        return disk_now;
    }
    /// Whether every disk holds on which the writes ended somewhere after the flush.
    bool holds_at_every_prefix() {
        std::string disk_now = base;
        for (std::size_t n = applied; n < device.writes.size(); n++) {
            if (first_broken(disk_now, promise) != block_count) return false;
            const Write& write = device.writes[n];
            disk_now.replace(write.at, write.data.size(), write.data);
        }
        return first_broken(disk_now, promise) == block_count;
    }
    /// Plays on until a disk breaks a promise; how many disks were looked at without.
    unsigned play(unsigned steps) {
        unsigned looked = 0;
        for (unsigned step = 0; step < steps; step++) {
            const std::size_t block = random() % block_count;
            switch (random() % 9) {
            case 0: sync(); break;
            case 1: {
                std::string text(block_bytes, '\0');
                auto buffer = vfs::IoBuffer::kernel(text.data(), text.size());
                REQUIRE(volume->read(buffer, block * block_bytes).ok());
                break;
            }
            case 2: volume->write_back(); break; // promises nothing
            case 3: put(block, true); break;
            case 4: // what the kernel does by itself
                arch::host::machine.clock += random() % 4'000'000'000;
                static_cast<void>(tend_caches());
                if (random() % 2) reclaim_pages(random() % 20);
                break;
            default: put(block, false);
            }
            for (unsigned n = 0; n < 3; n++, looked++)
                if (first_broken(after_loss(), promise) != block_count) return looked;
            if (!holds_at_every_prefix()) return looked;
        }
        return looked;
    }
};

} // namespace

TEST_CASE("whenever power is lost, what sync promised is there") {
    Rig rig(GENERATE(range(0u, 20u)));
    CHECK(rig.play(300) == 900);
    rig.sync();
    CHECK(first_broken(rig.after_loss(), rig.promise) == block_count);
    CHECK(rig.device.flushed == rig.device.writes.size());
}

TEST_CASE("the search finds a device that does not flush") {
    Rig rig(GENERATE(range(0u, 5u)));
    rig.device.ignores_flush = true;
    CHECK(rig.play(300) < 900);
}
