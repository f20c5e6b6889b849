// SPDX-License-Identifier: BSD-2-Clause
// The GUID partition table of a disk image: partition 1 for the loader, partition 2 for the pool.
// UEFI specification 2.10, chapter 5.
#pragma once

#include <drupe/zfs/object.h>

#include <optional>
#include <utility>
#include <vector>

namespace drupe::mkzfs {

class Output;

struct Partition {
    std::uint64_t offset = 0, size = 0; // bytes
    bool is_zfs = false;
    std::string_view name; // ASCII
};

inline constexpr std::uint64_t partition_alignment = 1024 * 1024;

/// Bytes a disk needs behind its last partition.
inline constexpr std::uint64_t gpt_tail_size = 33 * 512;

/// Writes protective MBR, both headers and both tables. GUIDs derive from `seed`.
void write_gpt(Output& out, std::uint64_t disk_size, const std::vector<Partition>& partitions,
               const zfs::CksumValue& seed);

/// Offset and size of the first ZFS partition, when the device carries a valid table with one.
std::optional<std::pair<std::uint64_t, std::uint64_t>> find_zfs_partition(zfs::BlockSource& disk);

} // namespace drupe::mkzfs
