// SPDX-License-Identifier: BSD-2-Clause
// Partition tables: GUID tables ([uefi] "GUID Partition Table (GPT) Disk Layout") and the older
// kind of the PC's master boot record. What stands on the disk is not trusted.
#pragma once

#include <drupe/base/result.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::block {

/// In sectors of 512 bytes; inside the disk, never empty. Numbers are those Linux gives.
struct Partition {
    std::uint64_t first;
    std::uint64_t sectors;
    unsigned number;
};
inline constexpr unsigned most_partitions = 15;

/// Where the tables are read from.
class TableReader {
public:
    /// 4096 bytes from sector `sector` on, fewer where the disk ends (the rest is zeros). The same
    /// memory each time. io.
    virtual Result<const std::byte*> read(std::uint64_t sector) = 0;

protected:
    ~TableReader() = default;
};

/// How many partitions there are, put into `out` by their numbers; 0 when there is no table, or
/// none that holds together. Those with numbers above most_partitions are left out. io.
Result<std::size_t> read_partitions(TableReader& reader, std::uint64_t disk_sectors,
                                    std::uint32_t block_bytes,
                                    std::span<Partition, most_partitions> out);

} // namespace drupe::block
