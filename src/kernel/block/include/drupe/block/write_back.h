// SPDX-License-Identifier: BSD-2-Clause
// What the caches of all volumes may hold: how much that is dirty, and for how long, and how much
// at all when memory is short. A thread keeps to it; writers and those who want memory help.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>

namespace drupe::block {

class Volume;

/// A page of some volume became dirty, the `count`-th; the first of its volume?
void note_dirty(std::uint64_t count, bool is_first);
/// Before a writer dirties more: when too much is dirty it writes some of the volume, and waits.
/// Context: thread, no spin lock held.
void throttle_writer(Volume& volume);
/// A frame for a page of a cache; its content is undefined. Pages of caches make room for it when
/// little is free. no_memory. Context: as above.
Result<PhysAddr> cache_frame();
/// Gives back up to about `wanted` pages, the least recently used; when there are none that are
/// clean, some are written first. How many. Context: as above.
std::size_t reclaim_pages(std::size_t wanted);
/// Writes what has been dirty for long, or all when there is much; gives back pages when little
/// memory is free. When it should be called next, if nothing happens. Context: as above.
Nanos tend_caches();
/// The volume, which lives for ever, is one of those that all this is about. Boot thread.
void tend(Volume& volume);
/// Tends the caches from now on. no_memory. Once.
Result<void> start_tending();

#if defined(DRUPE_HOSTED)
namespace testing {
/// No volume is tended any more.
void forget_volumes();
} // namespace testing
#endif

} // namespace drupe::block
