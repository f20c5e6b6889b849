// SPDX-License-Identifier: BSD-2-Clause
// Switching simulated threads.
#include <drupe/arch/context.h>

#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace drupe::arch {
namespace {

Context* running_from; // who switched to the context that starts or continues now

#if defined(__SANITIZE_ADDRESS__)
void leaving(Context& from, Context& to) {
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack_bottom, to.stack_bytes);
}
void arrived(Context& self) {
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(self.fake_stack, &bottom, &bytes);
    if (running_from && !running_from->stack_bottom) { // learn the process's own stack
        running_from->stack_bottom = const_cast<void*>(bottom);
        running_from->stack_bytes = bytes;
    }
}
#else
void leaving(Context&, Context&) {}
void arrived(Context&) {}
#endif

void begin(unsigned high, unsigned low) {
    auto* self = reinterpret_cast<Context*>(static_cast<std::uintptr_t>(high) << 32 | low);
    arrived(*self);
    self->entry(self->argument);
    std::abort(); // entry never returns
}

} // namespace

void context_init(Context& context, void* stack_top, void (*entry)(void*), void* argument) {
    context.entry = entry;
    context.argument = argument;
    context.stack_bottom = static_cast<char*>(stack_top) - host_stack_bytes;
    context.stack_bytes = host_stack_bytes;
    context.fake_stack = nullptr;
    getcontext(&context.machine);
    context.machine.uc_stack.ss_sp = context.stack_bottom;
    context.machine.uc_stack.ss_size = context.stack_bytes;
    context.machine.uc_link = nullptr;
    auto self = reinterpret_cast<std::uintptr_t>(&context);
    makecontext(&context.machine, reinterpret_cast<void (*)()>(begin), 2,
                static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

void context_switch(Context& from, Context& to) {
    running_from = &from;
    leaving(from, to);
    swapcontext(&from.machine, &to.machine);
    arrived(from);
}

} // namespace drupe::arch
