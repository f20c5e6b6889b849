// SPDX-License-Identifier: BSD-2-Clause
// Barriers on the build machine. One OS thread plays all CPUs, so keeping the compiler from
// reordering is enough. Towards devices they are the fences that a simulated weak memory plays
// (tests/support/weak), in the place that asks for one.
#pragma once

#include <atomic>

namespace drupe::arch {

inline void barrier_full() { std::atomic_signal_fence(std::memory_order_seq_cst); }
inline void barrier_load() { std::atomic_signal_fence(std::memory_order_seq_cst); }
inline void barrier_store() { std::atomic_signal_fence(std::memory_order_seq_cst); }
[[gnu::always_inline]] inline void barrier_dma_load() {
    std::atomic_thread_fence(std::memory_order_acquire);
}
[[gnu::always_inline]] inline void barrier_dma_release() {
    std::atomic_thread_fence(std::memory_order_release);
}
[[gnu::always_inline]] inline void barrier_dma_full() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
}
[[gnu::always_inline]] inline void barrier_dma_store_load() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void barrier_complete() { std::atomic_signal_fence(std::memory_order_seq_cst); }
inline void barrier_instruction() { std::atomic_signal_fence(std::memory_order_seq_cst); }

} // namespace drupe::arch
