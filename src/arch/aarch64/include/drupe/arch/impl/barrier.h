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
/// A store to memory a device reads, before a load of memory it writes. While QEMU before 8.1
/// emulates one CPU it generates nothing for a barrier (tcg_gen_mb in tcg/tcg-op.c), so that the
/// build machine's CPU may load first, though devices run beside it. At `yield` it leaves its
/// translated code and takes locks on the way back. With several CPUs, and on silicon, `yield` does
/// nothing ([arm/arm] "YIELD").
inline void barrier_dma_store_load() { asm volatile("dmb osh\n\tyield" ::: "memory"); }

/// Everything before is complete, devices included ([arm/arm] "DSB"); then the instruction stream
/// starts afresh, so that system-register writes have taken effect.
inline void barrier_complete() { asm volatile("dsb sy" ::: "memory"); }
inline void barrier_instruction() { asm volatile("isb" ::: "memory"); }

} // namespace drupe::arch
