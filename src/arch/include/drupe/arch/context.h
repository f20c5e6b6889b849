// SPDX-License-Identifier: BSD-2-Clause
// A kernel thread of control: its saved stack pointer, callee-saved registers and the user state
// that lives in registers while it runs (user TLS pointer, FP/SIMD/SVE, user stack pointer at
// EL1t).
#pragma once

#include <drupe/arch/impl/context.h>

#include <concepts>
#include <cstddef>
#include <cstdint>

// Provided:
//   struct Context;
//   void context_init(Context&, void* stack_top, void (*entry)(void*), void* arg)
//        The first switch to it calls entry(arg) on that stack, interrupts masked; entry never
//        returns.
//   void context_release(Context&)
//        The thread has ended: gives back what the context owns beside itself.
//   void context_switch(Context& from, Context& to)
//        Interrupts masked. Returns when somebody switches back to `from`. Sets the thread pointer?
//        No: the scheduler does, before the call.
namespace drupe::arch {
static_assert(requires(Context & a, Context& b, void* p, void (*f)(void*)) {
    { context_init(a, p, f, p) } -> std::same_as<void>;
    { context_release(a) } -> std::same_as<void>;
    { context_switch(a, b) } -> std::same_as<void>;
});
} // namespace drupe::arch
