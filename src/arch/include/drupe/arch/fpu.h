// SPDX-License-Identifier: BSD-2-Clause
// The running program's floating-point registers. The kernel never uses them: while a thread is in
// the kernel they still sit in the hardware, and these functions read and write the hardware.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drupe::arch {

struct FpuState {
    alignas(16) std::uint64_t q[64]; // q0-q31, low half first
    std::uint32_t fpsr;
    std::uint32_t fpcr;
};

/// Context: the thread itself, between its entry to the kernel and its return.
void fpu_save(FpuState& state);
void fpu_restore(const FpuState& state);

/// Gives this CPU's vectors the length that they have on all: threads move between CPUs. Once on
/// each, after detect_cpu_features(), before it runs a program.
void fpu_init_cpu();

/// The current thread's scalable vectors, when it has used them: bytes of one vector, else 0.
std::size_t sve_vector_length();
/// Bytes of a full SVE state: z0-z31, p0-p15, FFR.
constexpr std::size_t sve_state_bytes(std::size_t vl) { return 32 * vl + 17 * (vl / 8); }
void sve_save_state(void* buffer);
void sve_restore_state(const void* buffer);
/// Gives the current thread scalable vectors (the first use traps here). no_memory.
bool sve_enable();

} // namespace drupe::arch
