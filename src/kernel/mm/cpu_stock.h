// SPDX-License-Identifier: BSD-2-Clause
// Private: memory that each CPU keeps for itself, so that the common allocation touches nothing
// that other CPUs do. A stock has locks all the same: under memory pressure others take what it
// holds.
#pragma once

#include <drupe/base/units.h>
#include <drupe/mm/heap.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>

namespace drupe::mm {

struct FrameCache {
    static constexpr unsigned capacity = 30;
    static constexpr unsigned batch_order = 4; // moved at once: 16
    SpinLock<LockRank::frame_cache> lock;
    unsigned count GUARDED_BY(lock) = 0;
    PhysAddr frames[capacity] GUARDED_BY(lock) = {};
};

struct FreeObject {
    FreeObject* next;
};
/// Free objects of one size (heap.cc).
struct ObjectList {
    FreeObject* first = nullptr;
    /// Changes under the stock's lock; where objects come from slabs or go there, under the lock of
    /// their size too.
    std::atomic<std::uint32_t> count{0};
    std::uint32_t most = 0; // 0: nothing was put here yet
};
struct ObjectStock {
    ObjectList lists[slab_class_count] GUARDED_BY(lock);
    SpinLock<LockRank::heap_list> lock;
};

struct alignas(64) CpuStock {
    ObjectStock objects; // in front: a list is found by one addition
    FrameCache frames;
};

namespace detail {
/// Only a CPU itself enters its own; null: it has asked for nothing yet.
extern std::atomic<CpuStock*> stocks[DRUPE_MAX_CPUS];
/// This CPU's from now on; without memory the boot CPU's.
CpuStock& make_stock();
} // namespace detail

/// Null: this CPU has none yet. Which CPU's does not matter: its locks are taken, so moving to
/// another one in between does no harm.
inline CpuStock* known_stock() {
    // Relaxed: what this CPU made itself.
    return detail::stocks[this_cpu_core().index].load(std::memory_order_relaxed);
}
inline CpuStock& this_stock() {
    CpuStock* const stock = known_stock();
    return stock ? *stock : detail::make_stock();
}

template <class Each>
void for_each_stock(Each each) {
    // Acquire pairs with the release in make_stock(): a stock comes with its zeros.
    for (const std::atomic<CpuStock*>& of_cpu : detail::stocks)
        if (CpuStock* stock = of_cpu.load(std::memory_order_acquire)) each(*stock);
}

} // namespace drupe::mm
