// SPDX-License-Identifier: BSD-2-Clause
// A checker of whole pools: every block's checksum, every fill count, the space maps against the
// blocks there are, and what makes a file system out of objects. zdb looks at the first and the
// third only.
#pragma once

#include <drupe/zfs/object.h>

#include <cstdint>
#include <string>
#include <vector>

namespace drupe::mkzfs {

struct CheckResult {
    std::vector<std::string> errors; // at most a hundred sentences
    std::uint64_t error_count = 0;
    std::uint64_t blocks = 0, bytes = 0; // read
    std::uint64_t datasets = 0, objects = 0, files = 0;
    std::vector<std::string> notes; // what was not looked at, and why
};

/// Throws Error when the pool cannot be opened at all.
CheckResult check_pool(zfs::BlockSource& image);

int check_command(const std::string& image, bool json);

} // namespace drupe::mkzfs
