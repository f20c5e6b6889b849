// SPDX-License-Identifier: BSD-2-Clause
// What lies around the pool on a partitioned disk: a loader and the arguments stored for it.
// Partition 1 begins at 1 MiB with the loader; its last 64 KiB are the argument block. Partition 2,
// the pool, follows at the next mebibyte (docs/zfs.md).
#pragma once

#include "settings.h"

namespace drupe::mkzfs {

class DiskLayout {
public:
    /// Reads the loader. Throws Error.
    explicit DiskLayout(const Settings& settings);

    std::uint64_t pool_offset() const;
    std::uint64_t file_size(std::uint64_t pool_size) const;
    /// Writes everything but the pool.
    void write(Output& out, std::uint64_t pool_size, const zfs::CksumValue& seed) const;

private:
    std::string loader_, arguments_;
    std::uint64_t loader_partition_size_ = 0;
};

/// The argument block of an existing disk image.
std::string read_arguments(const std::string& image);
void write_arguments(const std::string& image, const std::string& text);

int get_arguments_command(const std::string& image);
int set_arguments_command(const std::string& image, const std::string& text);

} // namespace drupe::mkzfs
