// SPDX-License-Identifier: BSD-2-Clause
// Any disk gives partitions that lie inside it, in few reads.
#include "../target.h"

#include <drupe/block/partitions.h>

#include <cstring>

using namespace drupe;
using namespace drupe::block;

namespace {

/// The input's sectors, and zeros behind.
class Image final : public TableReader {
public:
    Image(const std::uint8_t* data, std::size_t bytes, std::uint64_t sectors)
        : data_(data), bytes_(bytes), sectors_(sectors) {}
    Result<const std::byte*> read(std::uint64_t sector) override {
        FUZZ_CHECK(sector < sectors_);
        FUZZ_CHECK(++reads_ < 5000);
        std::memset(page_, 0, sizeof page_);
        if (sector * 512 < bytes_)
            std::memcpy(page_, data_ + sector * 512,
                        bytes_ - sector * 512 < sizeof page_ ? bytes_ - sector * 512
                                                             : sizeof page_);
        return static_cast<const std::byte*>(page_);
    }

private:
    const std::uint8_t* data_;
    std::size_t bytes_;
    std::uint64_t sectors_;
    unsigned reads_ = 0;
    std::byte page_[4096];
};

std::uint32_t crc32(const std::uint8_t* bytes, std::size_t count) {
    std::uint32_t crc = ~0u;
    for (std::size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

/// Sums are set right: otherwise nothing behind them would ever be reached.
std::vector<std::uint8_t> with_sums(const std::uint8_t* data, std::size_t bytes) {
    std::vector<std::uint8_t> disk(data, data + bytes);
    if (bytes < 1024 + 512 || std::memcmp(&disk[512], "EFI PART", 8) != 0) return disk;
    std::uint32_t entries, size;
    std::memcpy(&entries, &disk[512 + 80], 4);
    std::memcpy(&size, &disk[512 + 84], 4);
    std::vector<std::uint8_t> table(disk.begin() + 1024, disk.end());
    table.resize(std::min<std::uint64_t>(std::uint64_t{entries} * size, 1 << 16));
    const std::uint32_t sum = crc32(table.data(), table.size());
    std::memcpy(&disk[512 + 88], &sum, 4);
    std::memset(&disk[512 + 16], 0, 4);
    const std::uint32_t own = crc32(&disk[512], 92);
    std::memcpy(&disk[512 + 16], &own, 4);
    return disk;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    constexpr std::uint64_t sectors = 4000;
    const auto disk = with_sums(data, bytes);
    for (const std::uint32_t block : {512u, 4096u}) {
        Image image(disk.data(), disk.size(), sectors);
        Partition out[most_partitions];
        const auto count = read_partitions(image, sectors, block, out);
        FUZZ_CHECK(count.ok() && count.value() <= most_partitions);
        for (std::size_t i = 0; i < count.value(); i++) {
            FUZZ_CHECK(out[i].first != 0 && out[i].sectors != 0 && out[i].first < sectors);
            FUZZ_CHECK(out[i].sectors <= sectors - out[i].first);
            FUZZ_CHECK(out[i].number >= 1 && out[i].number <= most_partitions);
        }
    }
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::uint8_t> mbr(512 * 4), gpt(512 * 4);
    mbr[510] = gpt[510] = 0x55;
    mbr[511] = gpt[511] = 0xaa;
    const auto entry = [](std::vector<std::uint8_t>& disk, std::size_t at, std::uint8_t type,
                          std::uint8_t first, std::uint8_t count) {
        disk[at + 4] = type;
        disk[at + 8] = first;
        disk[at + 12] = count;
    };
    entry(mbr, 446, 0x83, 10, 20);
    entry(mbr, 462, 5, 1, 200);
    entry(mbr, 512 + 446, 0x83, 1, 20);
    entry(mbr, 512 + 462, 5, 1, 30);
    mbr[1022] = 0x55;
    mbr[1023] = 0xaa;
    entry(gpt, 446, 0xee, 1, 255);
    std::memcpy(&gpt[512], "EFI PART", 8);
    gpt[512 + 12] = 92;
    gpt[512 + 24] = 1;
    gpt[512 + 72] = 2;
    gpt[512 + 80] = 8;
    gpt[512 + 84] = 128;
    for (std::size_t i = 0; i < 8; i++) {
        std::uint8_t* at = &gpt[1024 + i * 128];
        at[0] = 1;
        at[32] = static_cast<std::uint8_t>(10 + i * 10);
        at[40] = static_cast<std::uint8_t>(15 + i * 10);
    }
    return {mbr, gpt, mbr, gpt};
}
