// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/block/partitions.h>

#include <drupe/block/device.h>

#include <algorithm>
#include <cstring>

namespace drupe::block {
namespace {

template <class T>
T load(const std::byte* at, std::size_t offset) {
    T value;
    std::memcpy(&value, at + offset, sizeof value);
    return value;
}

/// CRC-32 as Ethernet has it; begin with 0.
std::uint32_t crc32(std::uint32_t crc, const std::byte* bytes, std::size_t count) {
    crc = ~crc;
    for (std::size_t i = 0; i < count; i++) {
        crc ^= std::to_integer<std::uint32_t>(bytes[i]);
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

class Scanner {
public:
    Scanner(TableReader& reader, std::uint64_t sectors, std::uint32_t block_bytes,
            std::span<Partition, most_partitions> out)
        : reader_(reader), sectors_(sectors), block_sectors_(block_bytes >> sector_shift),
          out_(out) {}

    Result<std::size_t> scan() {
        const std::byte* boot = TRY(reader_.read(0));
        if (load<std::uint16_t>(boot, 510) != 0xaa55) return std::size_t{0};
        std::byte entries[64];
        std::memcpy(entries, boot + 446, sizeof entries);
        bool is_protective = false;
        for (unsigned i = 0; i < 4; i++) is_protective |= entries[i * 16 + 4] == std::byte{0xee};
        if (is_protective) {
            TRY(scan_gpt(1)); // the copy at the end is for who repairs the first
            return count_;
        }
        std::uint64_t extended = 0;
        for (unsigned i = 0; i < 4; i++) {
            const MbrEntry entry = mbr_entry(entries + i * 16);
            if (entry.is_extended && extended == 0) extended = entry.first;
            if (!entry.is_extended) add(entry.first, entry.count, i + 1);
        }
        if (extended != 0) TRY(scan_logical(extended));
        return count_;
    }

private:
    struct MbrEntry {
        std::uint64_t first, count; // of the device's blocks
        bool is_extended;
    };
    static MbrEntry mbr_entry(const std::byte* at) {
        const auto type = std::to_integer<unsigned>(at[4]);
        const std::uint32_t count = type == 0 ? 0 : load<std::uint32_t>(at, 12);
        return {load<std::uint32_t>(at, 8), count, type == 5 || type == 0xf || type == 0x85};
    }

    /// In blocks of the device.
    void add(std::uint64_t first, std::uint64_t count, unsigned number) {
        const std::uint64_t blocks = sectors_ / block_sectors_;
        if (count == 0 || first == 0 || first >= blocks || count > blocks - first ||
            number > most_partitions)
            return;
        out_[count_++] = {first * block_sectors_, count * block_sectors_, number};
    }

    /// A chain of tables, each with one partition and the next table, counted from the first.
    Result<void> scan_logical(std::uint64_t base) {
        std::uint64_t table = base;
        for (unsigned number = 5; number <= most_partitions; number++) {
            if (table >= sectors_ / block_sectors_) return {};
            const std::byte* at = TRY(reader_.read(table * block_sectors_));
            if (load<std::uint16_t>(at, 510) != 0xaa55) return {};
            const MbrEntry own = mbr_entry(at + 446), next = mbr_entry(at + 462);
            add(table + own.first, own.count, number);
            if (next.count == 0 || next.first == 0) return {};
            table = base + next.first;
        }
        return {};
    }

    Result<void> scan_gpt(std::uint64_t block) {
        std::byte header[512];
        std::memcpy(header, TRY(reader_.read(block * block_sectors_)), sizeof header);
        const auto bytes = load<std::uint32_t>(header, 12);
        const auto sum = load<std::uint32_t>(header, 16);
        std::memset(header + 16, 0, 4); // counts as zero in its own sum
        if (std::memcmp(header, "EFI PART", 8) != 0 || bytes < 92 || bytes > sizeof header ||
            crc32(0, header, bytes) != sum || load<std::uint64_t>(header, 24) != block)
            return {};
        const auto at = load<std::uint64_t>(header, 72);
        const auto entries = load<std::uint32_t>(header, 80);
        const auto size = load<std::uint32_t>(header, 84);
        // Powers of two from 128 on, so that entries never cross pages; the number is 128 mostly.
        if (size < 128 || size > 4096 || (size & (size - 1)) != 0 || entries > 4096 ||
            at >= sectors_ / block_sectors_)
            return {};
        return scan_entries(at * block_sectors_, entries, size, load<std::uint32_t>(header, 88));
    }

    /// The partitions count when the entries' sum is right, which is known at the end.
    Result<void> scan_entries(std::uint64_t sector, std::uint32_t entries, std::uint32_t size,
                              std::uint32_t expected) {
        std::uint32_t sum = 0;
        for (std::uint32_t i = 0; i < entries;) {
            if (sector >= sectors_) { // not all of them are on the disk
                count_ = 0;
                return {};
            }
            const std::byte* page = TRY(reader_.read(sector));
            sector += 4096 >> sector_shift;
            const std::uint32_t here = std::min(entries - i, 4096 / size);
            sum = crc32(sum, page, std::size_t{here} * size);
            for (std::uint32_t k = 0; k < here; k++, i++) add_entry(page + k * size, i + 1);
        }
        if (sum != expected) count_ = 0;
        return {};
    }

    void add_entry(const std::byte* at, unsigned number) {
        const bool is_used = load<std::uint64_t>(at, 0) != 0 || load<std::uint64_t>(at, 8) != 0;
        const auto first = load<std::uint64_t>(at, 32), last = load<std::uint64_t>(at, 40);
        if (is_used && last >= first && last - first < sectors_)
            add(first, last - first + 1, number);
    }

    TableReader& reader_;
    const std::uint64_t sectors_;
    const std::uint32_t block_sectors_;
    const std::span<Partition, most_partitions> out_;
    std::size_t count_ = 0;
};

} // namespace

Result<std::size_t> read_partitions(TableReader& reader, std::uint64_t disk_sectors,
                                    std::uint32_t block_bytes,
                                    std::span<Partition, most_partitions> out) {
    return Scanner(reader, disk_sectors, block_bytes, out).scan();
}

} // namespace drupe::block
