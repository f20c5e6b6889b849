// SPDX-License-Identifier: BSD-2-Clause
// Reading pools: listing, single files, extraction, and the comparison of an image with its
// sources. Works on pools that other programs wrote.
#pragma once

#include "output.h"
#include "settings.h"

#include <drupe/zfs/pool.h>

#include <string>

namespace drupe::mkzfs {

/// Prints datasets, or the files of one. Exit status.
int list_command(const std::string& image, const std::string& dataset);
int cat_command(const std::string& image, const std::string& dataset, const std::string& path);
int extract_command(const std::string& image, const std::string& dataset,
                    const std::string& folder);

/// Reads every file of the image back and compares it with its source. Throws Error.
void verify_image(zfs::BlockSource& image, const Settings& settings);

/// A JSON string literal of any bytes (those that are no UTF-8 as \u00XX).
std::string json_string(std::string_view text);

/// An opened pool. Throws Error with the reason of a refusal.
zfs::Pool open_pool(zfs::BlockReader& reader, std::string_view what);
/// A dataset of it.
zfs::Filesystem open_dataset(zfs::Pool& pool, std::string_view name);

} // namespace drupe::mkzfs
