// SPDX-License-Identifier: BSD-2-Clause
// What survives a switch: the kernel's callee-saved registers, and the program's registers that the
// kernel never touches and that therefore still sit in the hardware.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drupe::arch {

struct alignas(16) Context {
    std::uint64_t x19_x30[12] = {};
    std::uint64_t sp = 0;
    std::uint64_t sp_el0 = 0;
    std::uint64_t tpidr_el0 = 0;
    std::uint32_t fpsr = 0;
    std::uint32_t fpcr = 0;
    std::uint32_t flags = 0;       // CONTEXT_FLAG_*
    std::uint32_t pstate_bits = 0; // SSBS and DIT of a thread blocked inside a direct call
    void* sve = nullptr;           // full SVE state, when the program uses it; owned
    alignas(16) std::uint64_t q[64] = {};
};

/// The context belongs to a program's thread: FP state and user stack pointer count from now on.
void context_make_user(Context& context, std::uint64_t tls);

extern "C" void context_switch_asm(Context* from, Context* to);
void context_init(Context& context, void* stack_top, void (*entry)(void*), void* arg);
void context_release(Context& context);
inline void context_switch(Context& from, Context& to) { context_switch_asm(&from, &to); }

} // namespace drupe::arch
