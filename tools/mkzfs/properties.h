// SPDX-License-Identifier: BSD-2-Clause
// The dataset properties this program knows, with their types: unknown names and impossible values
// are refused, for a pool keeps whatever number it is given.
#pragma once

#include "settings.h"

#include <string_view>

namespace drupe::mkzfs {

/// "512", "128K", "1M", "64MiB" … Throws Error naming `what`.
std::uint64_t parse_size(std::string_view text, std::string_view what);
std::uint64_t parse_number(std::string_view text, std::string_view what, std::uint64_t low,
                           std::uint64_t high);

/// Sets the property `name` of a dataset: compression, checksum and recordsize also decide how its
/// data is written. Throws Error.
void set_property(DatasetSettings& dataset, std::string_view name, std::string_view value);

/// All known names, for --help.
std::string property_names();

/// Throws Error for a name ZFS would not take.
void check_pool_name(std::string_view name);
void check_dataset_name(std::string_view name);
void check_snapshot_name(std::string_view name);

} // namespace drupe::mkzfs
