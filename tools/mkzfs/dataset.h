// SPDX-License-Identifier: BSD-2-Clause
// Writes one dataset: hands jobs to threads and commits them in order, so that the image does not
// depend on how many threads there are.
#pragma once

#include "content.h"

#include <drupe/zfs/sa.h>

namespace drupe::mkzfs {

struct WrittenDataset {
    zfs::Blkptr root{};
    Totals totals;
    std::uint64_t objects = 0;
    std::uint64_t files = 0, bytes = 0; // regular files and the sum of their sizes
    std::int64_t newest = 0;            // youngest time of any file, seconds
};

/// Throws Error.
WrittenDataset write_dataset(const DatasetSettings& dataset, BlockWriter& writer,
                             const Encoding& metadata, unsigned threads, const Progress& progress);

} // namespace drupe::mkzfs
