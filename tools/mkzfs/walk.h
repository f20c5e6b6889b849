// SPDX-License-Identifier: BSD-2-Clause
// Going through directories of a pool that may be damaged or hostile.
#pragma once

#include "failure.h"

#include <drupe/zfs/pool.h>

#include <algorithm>
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

/// Calls use(bytes) for the first `bytes` of a list, block by block. A hole in it is damage:
/// whoever wrote it has filled what he counts. Throws Error.
template <class Use>
void read_list(zfs::Object& list, std::uint64_t bytes, std::string_view what, Use use) {
    std::size_t size = list.block_size();
    for (std::uint64_t block = 0; block * size < bytes; ++block) {
        if (must(list.pointer(block), what).is_hole()) fail("{}: it is shorter than it says", what);
        zfs::Bytes b = must(list.block(block), what);
        use(b.first(std::min<std::uint64_t>(size, bytes - block * size)));
    }
}

using FileVisitor = std::function<void(const std::string& path, zfs::Filesystem::File& file)>;

/// Visits everything from the root down, parents first, names in byte order. Throws Error for a
/// name that leads elsewhere, for a directory that is reached twice, for a path beyond reason.
void walk_files(zfs::Filesystem& fs, const FileVisitor& visit);

} // namespace drupe::mkzfs
