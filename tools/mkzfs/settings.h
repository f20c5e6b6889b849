// SPDX-License-Identifier: BSD-2-Clause
// What is to be built, as the command line says it.
#pragma once

#include "blocks.h"

#include <filetree/tree.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace drupe::mkzfs {

/// A property as the pool keeps it: a number or a string under a name.
struct Property {
    std::string name;
    std::optional<std::uint64_t> number;
    std::string text;
};

struct DatasetSettings {
    std::string name; // below the pool: "", "data", "data/home"
    std::vector<Property> properties;
    Encoding data;
    std::size_t record_size = zfs::old_max_block_size;
    filetree::Tree tree;
};

struct Settings {
    std::string output;
    std::string pool = "drupe";
    unsigned ashift = 12;
    std::string device_type = "file";
    std::vector<DatasetSettings> datasets; // parents before children; the first is the root
    std::string snapshot;                  // empty: none
    std::optional<std::uint64_t> size;     // bytes of the pool
    std::uint64_t free = 16 * 1024 * 1024; // to be usable when the size is automatic
    std::optional<std::int64_t> time;      // of the pool; otherwise its youngest file's
    std::optional<std::uint64_t> guid;
    unsigned threads = 1;
    // A disk with partitions instead of a bare pool.
    bool disk = false;
    std::string loader;            // content of partition 1
    std::string arguments;         // stored behind it
    std::uint64_t loader_size = 0; // of partition 1; 0: as much as the loader needs
};

/// Called now and then with the bytes done so far.
using Progress = std::function<void(std::uint64_t)>;

} // namespace drupe::mkzfs
