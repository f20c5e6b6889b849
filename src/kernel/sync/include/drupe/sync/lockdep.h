// SPDX-License-Identifier: BSD-2-Clause
// Checks at run time that spin locks are taken in the order of their ranks. On in unit tests and in
// debug builds; compiles to nothing otherwise.
#pragma once

#include <drupe/sync/lock_rank.h>

#include <cstddef>
#include <string_view>

namespace drupe::lockdep {

/// The enumerator's name, for reports.
std::string_view name_of(LockRank rank);

#if defined(DRUPE_LOCKDEP)
/// Panics, naming both locks, when a lock of the same or a lower rank is held.
void acquired(LockRank rank, const void* lock);
/// The same, but other locks of this rank may be held.
void acquired_nested(LockRank rank, const void* lock);
/// Panics when `lock` is not held by this CPU.
void released(LockRank rank, const void* lock);
/// Panics when this CPU holds a spin lock: the caller is about to sleep.
void assert_none_held(const char* what);
std::size_t held_count();
#else
inline void acquired(LockRank, const void*) {}
inline void acquired_nested(LockRank, const void*) {}
inline void released(LockRank, const void*) {}
inline void assert_none_held(const char*) {}
inline std::size_t held_count() { return 0; }
#endif

} // namespace drupe::lockdep
