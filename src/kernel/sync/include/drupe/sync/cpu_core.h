// SPDX-License-Identifier: BSD-2-Clause
// What the lowest rooms keep for each CPU: its number, how often it was interrupted, whether it
// reads without a lock, and the locks it holds when ranks are checked. The scheduler's Cpu begins
// with this, and the running thread's header points to it.
#pragma once

#include <drupe/arch/cpu.h>
#include <drupe/sync/lock_rank.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drupe {

namespace lockdep {
/// Locks held by one CPU, in the order they were taken. A lock never outlives a switch of threads
/// (except the run queue's own, which the next thread releases), so this belongs to the CPU.
struct HeldLocks {
    struct Entry {
        const void* lock;
        LockRank rank;
    };
    static constexpr std::size_t capacity = 12;
    Entry entries[capacity];
    std::size_t count;
};
} // namespace lockdep

/// Interrupts in use at most; number 0 stays unused.
inline constexpr std::size_t interrupt_slots = 128;

/// A CPU's generator of random numbers (kernel/entropy). Only the CPU itself uses it, with
/// interrupts masked.
struct CpuRandom {
    std::uint32_t key[8] = {};
    std::uint64_t generation = 0; // of the root that the key comes from; 0: of none
};

struct CpuCore {
    std::uint32_t index = 0;
    /// Taken by this CPU, by kernel/irq's slot; only the CPU itself counts.
    std::atomic<std::uint32_t> interrupts[interrupt_slots] = {};
    /// Odd while the CPU is in a ReadSection; only the CPU itself counts.
    std::atomic<std::uint32_t> read_sections{0};
    CpuRandom random;
#if defined(DRUPE_LOCKDEP)
    lockdep::HeldLocks held = {};
#endif
};

/// Where a thread's header keeps the pointer to its CPU (checked beside sched::ThreadHeader).
inline constexpr std::size_t thread_cpu_offset = 16;

/// Stands for the boot CPU until the scheduler has a record of it, and for unit tests that have no
/// thread. The name is the entry code's.
extern CpuCore boot_cpu_core asm("drupe_boot_cpu_core");

/// Context: interrupts masked, or the caller does not mind moving to another CPU.
inline CpuCore& this_cpu_core() {
    auto* thread = static_cast<char*>(arch::thread_pointer());
    if constexpr (!arch::has_thread_from_start)
        if (!thread) return boot_cpu_core;
    return **reinterpret_cast<CpuCore**>(thread + thread_cpu_offset);
}

} // namespace drupe
