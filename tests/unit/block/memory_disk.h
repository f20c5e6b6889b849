// SPDX-License-Identifier: BSD-2-Clause
// A disk that is a string, which may fail, and a volume on it.
#pragma once

#include <drupe/block/volume.h>
#include <drupe/block/write_back.h>

#include <support/test_memory.h>

#include <string>

namespace drupe::block::test {

using drupe::testing::TestMemory;

/// Done as soon as submitted. Written bytes are lost by a crash until a flush.
class MemoryDevice final : public BlockDevice {
public:
    explicit MemoryDevice(std::size_t bytes) : content(bytes, 'd') {
        limits_.sectors = bytes / sector_bytes;
        limits_.segments = 8;
        limits_.discard_sectors = limits_.zero_sectors = 64;
    }
    std::string content;
    unsigned requests = 0, flushes = 0;
    std::size_t sectors_read = 0, sectors_written = 0;
    unsigned fail_in = 0; // 1: the next one
    Limits limits_;

    const Limits& limits() const override { return limits_; }
    void submit(Request& request) override {
        requests++;
        request.outcome = fail_in != 0 && --fail_in == 0 ? Errc::io : Errc::ok;
        if (request.outcome == Errc::ok) perform(request);
        request.done(request);
    }

private:
    void perform(Request& r) {
        std::size_t at = r.sector * sector_bytes;
        if (r.operation == Operation::flush) flushes++;
        if (r.operation == Operation::discard || r.operation == Operation::write_zeroes) {
            CHECK(r.sectors <= 64);
            std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(at), r.sectors * sector_bytes,
                        '\0');
        }
        CHECK(r.segments.size() <= limits_.segments);
        for (const Segment& segment : r.segments) {
            REQUIRE(at + segment.bytes <= content.size());
            CHECK(segment.bytes % sector_bytes == 0);
            char* const memory = static_cast<char*>(mm::phys_to_virt(segment.at));
            (r.operation == Operation::read ? sectors_read : sectors_written) +=
                segment.bytes / sector_bytes;
            if (r.operation == Operation::read)
                std::memcpy(memory, &content[at], segment.bytes);
            else
                std::memcpy(&content[at], memory, segment.bytes);
            at += segment.bytes;
        }
    }
};

/// This volume has the machine for itself, from now on.
inline void tend_only(Volume& volume) {
    time::init();
    block::testing::forget_volumes();
    block::testing::forget_dirty_pages();
    tend(volume);
}

struct Rig {
    TestMemory memory{4096};
    MemoryDevice device;
    Disk disk{device, "vda"};
    Volume* volume;
    explicit Rig(std::size_t bytes, std::uint64_t first = 0, std::uint64_t sectors = 0)
        : device(bytes),
          volume(
              Volume::create(disk, first, sectors ? sectors : bytes / sector_bytes, 0, 0).value()) {
        tend_only(*volume);
    }
    Result<std::size_t> write(std::string_view text, std::uint64_t at, bool is_direct = false) {
        auto buffer = vfs::IoBuffer::kernel(text.data(), text.size());
        return is_direct ? volume->write_direct(buffer, at) : volume->write(buffer, at);
    }
    Result<std::string> read(std::size_t bytes, std::uint64_t at, bool is_direct = false) {
        std::string text(bytes, '?');
        auto buffer = vfs::IoBuffer::kernel(text.data(), bytes);
        text.resize(TRY(is_direct ? volume->read_direct(buffer, at) : volume->read(buffer, at)));
        return text;
    }
};

} // namespace drupe::block::test
