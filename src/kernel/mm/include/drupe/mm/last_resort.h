// SPDX-License-Identifier: BSD-2-Clause
// Who has memory when there is none, or little.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

namespace drupe::mm {

/// Asked before an allocation fails: true, some was freed. Context: any, no lock of rank
/// frame_cache or lower held. Set by the boot thread; null: nobody.
void set_last_resort(bool (*free_some)());

/// Told, often, while less than `mark` is free. Called with locks of rank frames and higher held:
/// it may wake a thread. Set once.
void set_low_memory(PageCount mark, void (*tell)());

/// Pages that only speed things up. Dirty ones, those on their way to a device included, are to be
/// written before they can go.
struct CacheSizes {
    PageCount all{0}, dirty{0};
};
/// Who has them. `free_some` gives some back, and may write first; true: some memory was freed. Set
/// once, by the boot thread.
struct Caches {
    bool (*free_some)();
    CacheSizes (*sizes)();
};
void set_caches(const Caches& caches);
/// Context: thread, no spin lock held. May sleep.
bool reclaim();
/// Nothing before set_caches(). Context: any.
CacheSizes cache_sizes();

/// alloc_frames() and alloc_zeroed_frame() for those who can wait. no_memory. Context: as above.
Result<PhysAddr> alloc_frame_waiting();
Result<PhysAddr> alloc_zeroed_frame_waiting();

} // namespace drupe::mm
