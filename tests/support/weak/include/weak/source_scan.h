// SPDX-License-Identifier: BSD-2-Clause
// Atomic operations, and barriers towards devices, as the sources write them.
#pragma once

#include <weak/sites.h>

#include <string>
#include <vector>

namespace weak {

struct SourceSite {
    Place place;      // of the opening parenthesis, as in debug information
    std::string name; // what stands before it: "held_.exchange"
};
/// Operations with an order stronger than relaxed, and calls of arch::barrier_dma_*, in the C++ files below `folder` (from the root of
/// the source).
std::vector<SourceSite> scan_sources(const std::string& folder);

} // namespace weak
