// SPDX-License-Identifier: BSD-2-Clause
// Going through directories of a pool that may be damaged or hostile.
#pragma once

#include "failure.h"

#include <drupe/zfs/pool.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace drupe::mkzfs {

using ZapEntries = std::vector<std::pair<std::string, std::uint64_t>>;

/// All entries of the table in `object`, sorted by name.
ZapEntries zap_entries(zfs::Objset& objset, std::uint64_t object, std::string_view what);
ZapEntries zap_entries(zfs::BlockView& view, std::string_view what);

/// Whether a directory may hold such a name.
bool is_file_name(std::string_view name);

using FileVisitor = std::function<void(const std::string& path, zfs::Filesystem::File& file)>;

/// Visits everything from the root down, parents first, names in byte order. Throws Error for a
/// name that leads elsewhere and for a directory that is reached twice.
void walk_files(zfs::Filesystem& fs, const FileVisitor& visit);

} // namespace drupe::mkzfs
