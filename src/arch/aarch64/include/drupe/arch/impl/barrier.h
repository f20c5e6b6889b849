// SPDX-License-Identifier: BSD-2-Clause
// Barriers on AArch64 ([arm/arm] "DMB", "DSB"): inner shareable towards other CPUs, outer shareable
// towards devices that read and write memory.
#pragma once

namespace drupe::arch {

inline void barrier_full() { asm volatile("dmb ish" ::: "memory"); }
inline void barrier_load() { asm volatile("dmb ishld" ::: "memory"); }
inline void barrier_store() { asm volatile("dmb ishst" ::: "memory"); }
/// A load from memory a device writes, before later accesses to that memory.
inline void barrier_dma_load() { asm volatile("dmb oshld" ::: "memory"); }
/// Accesses to memory that goes to a device, before a later store to that memory (an index, a flag)
/// which says so. Loads too: a buffer is read before the device may fill it again. Before a store
/// to a device *register* use barrier_dma_full.
inline void barrier_dma_release() { asm volatile("dmb osh" ::: "memory"); }
inline void barrier_dma_full() { asm volatile("dmb osh" ::: "memory"); }

/// Everything before is complete, devices included ([arm/arm] "DSB"); then the instruction stream
/// starts afresh, so that system-register writes have taken effect.
inline void barrier_complete() { asm volatile("dsb sy" ::: "memory"); }
inline void barrier_instruction() { asm volatile("isb" ::: "memory"); }

} // namespace drupe::arch
