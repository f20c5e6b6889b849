// SPDX-License-Identifier: BSD-2-Clause
// Puts a whole image together: datasets, the pool's own structure, labels, and around them, where
// asked for, a partitioned disk.
#pragma once

#include "dataset.h"

namespace drupe::mkzfs {

struct Report {
    std::uint64_t files = 0, bytes = 0, objects = 0; // what went in
    std::uint64_t allocated = 0, pool_size = 0, file_size = 0;
    std::uint64_t pool_guid = 0;
    std::uint64_t pool_offset = 0; // of the pool in the file
    unsigned metaslab_shift = 0;
    struct Dataset {
        std::string name;
        std::uint64_t files = 0, bytes = 0, referenced = 0, logical = 0;
    };
    std::vector<Dataset> datasets;
};

/// Writes the image into `out`, which the caller finishes. Throws Error.
Report write_image(const Settings& settings, Output& out, const Progress& progress);

} // namespace drupe::mkzfs
