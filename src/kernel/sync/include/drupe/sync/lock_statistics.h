// SPDX-License-Identifier: BSD-2-Clause
// How often the spin locks of each rank are taken, and how long they are waited for. On with the
// build option lock_statistics; compiles to nothing otherwise.
#pragma once

#include <drupe/sync/lock_rank.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drupe::lock_statistics {

struct Counts {
    std::uint64_t taken = 0;
    std::uint64_t waited = 0; // found held
    std::uint64_t rounds = 0; // of looking again, all waits together
};

#if defined(DRUPE_LOCK_STATISTICS)
/// One acquisition that looked again `rounds` times. Any context.
void count(LockRank rank, std::uint64_t rounds);
Counts of(LockRank rank);
/// One line for each rank that was taken, the most waited for first. Any context.
void report(void (*write)(std::string_view line));
#else
inline void count(LockRank, std::uint64_t) {}
inline void report(void (*)(std::string_view)) {}
#endif

} // namespace drupe::lock_statistics
