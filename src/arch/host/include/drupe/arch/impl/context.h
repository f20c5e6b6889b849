// SPDX-License-Identifier: BSD-2-Clause
// A simulated thread of control: a ucontext, told to AddressSanitizer when that is on.
#pragma once

#include <ucontext.h>

#include <cstddef>

namespace drupe::arch {

struct Context {
    ucontext_t machine = {};
    void (*entry)(void*) = nullptr;
    void* argument = nullptr;
    void* stack_bottom = nullptr; // null: the stack the test process began with
    std::size_t stack_bytes = 0;
    void* fake_stack = nullptr; // AddressSanitizer's
};

/// Simulated stacks have this size, whatever the kernel's have: the build machine's library code
/// (Catch2, sanitizers) runs on them too.
inline constexpr std::size_t host_stack_bytes = 256 * 1024;

/// `stack_top` is the end of a block of host_stack_bytes.
void context_init(Context& context, void* stack_top, void (*entry)(void*), void* argument);
inline void context_release(Context&) {}
void context_switch(Context& from, Context& to);

} // namespace drupe::arch
