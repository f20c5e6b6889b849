// SPDX-License-Identifier: BSD-2-Clause
// Tables made by hand; those of sfdisk are in tests/boot/disk_test.py.
#include <catch2/catch.hpp>

#include <drupe/block/partitions.h>

#include <cstring>
#include <vector>

using namespace drupe;
using namespace drupe::block;

namespace {

struct Image final : TableReader {
    std::vector<unsigned char> bytes;
    std::byte page[4096];
    explicit Image(std::size_t sectors) : bytes(sectors * 512) {}
    Result<const std::byte*> read(std::uint64_t sector) override {
        REQUIRE(sector * 512 < bytes.size());
        std::memset(page, 0, sizeof page);
        std::memcpy(page, &bytes[sector * 512],
                    std::min<std::size_t>(4096, bytes.size() - sector * 512));
        return static_cast<const std::byte*>(page);
    }
    void mbr(std::size_t sector, int slot, int type, std::uint32_t first, std::uint32_t count) {
        unsigned char* e = &bytes[sector * 512 + 446 + static_cast<std::size_t>(slot) * 16];
        e[4] = static_cast<unsigned char>(type);
        std::memcpy(e + 8, &first, 4);
        std::memcpy(e + 12, &count, 4);
        bytes[sector * 512 + 510] = 0x55;
        bytes[sector * 512 + 511] = 0xaa;
    }
    std::vector<Partition> parts(std::uint32_t block = 512) {
        Partition out[most_partitions];
        const std::size_t n = read_partitions(*this, bytes.size() / 512, block, out).value();
        return {out, out + n};
    }
};

} // namespace

TEST_CASE("a disk without a table has no partitions") { CHECK(Image(100).parts().empty()); }

TEST_CASE("partitions that reach beyond the disk, or hold its table, are left out") {
    Image image(100);
    image.mbr(0, 0, 0x83, 10, 20);
    image.mbr(0, 1, 0x83, 90, 11);
    image.mbr(0, 2, 0x83, 0, 50);
    image.mbr(0, 3, 0x83, 0xffffffff, 0xffffffff);
    const auto parts = image.parts();
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].first == 10);
    CHECK(parts[0].sectors == 20);
    CHECK(parts[0].number == 1);
}

TEST_CASE("a chain of logical partitions that never ends, ends") {
    Image image(100);
    image.mbr(0, 0, 5, 10, 80);
    image.mbr(10, 0, 0x83, 1, 2);
    image.mbr(10, 1, 5, 10, 20); // to 20
    image.mbr(20, 0, 0x83, 1, 2);
    image.mbr(20, 1, 5, 10, 20); // to itself
    const auto parts = image.parts();
    CHECK(parts.size() == 11);
    CHECK(parts.front().number == 5);
    CHECK(parts.back().number == 15);
}

TEST_CASE("blocks of 4096 bytes count in those") {
    Image image(100 * 8);
    image.mbr(0, 0, 0x83, 10, 20);
    const auto parts = image.parts(4096);
    REQUIRE(parts.size() == 1);
    CHECK(parts[0].first == 80);
    CHECK(parts[0].sectors == 160);
}

TEST_CASE("a GUID table whose sums are wrong counts for nothing") {
    Image image(100);
    image.mbr(0, 0, 0xee, 1, 99);
    std::memcpy(&image.bytes[512], "EFI PART\0\0\1\0\x5c\0\0\0", 16);
    CHECK(image.parts().empty());
}

TEST_CASE("a GUID table whose entries do not all lie on the disk counts for nothing") {
    Image image(100);
    image.mbr(0, 0, 0xee, 1, 99);
    unsigned char* const header = &image.bytes[512];
    std::memcpy(header, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
    header[24] = 1;  // its own block
    header[72] = 90; // of the entries: 128 of 128 bytes
    header[80] = header[84] = 128;
    std::uint32_t sum = ~0u;
    for (unsigned i = 0; i < 92 * 8; i++) {
        const std::uint32_t bit = (header[i / 8] >> i % 8 ^ sum) & 1;
        sum = sum >> 1 ^ (bit ? 0xedb88320 : 0);
    }
    sum = ~sum;
    std::memcpy(header + 16, &sum, 4);
    CHECK(image.parts().empty());
}
