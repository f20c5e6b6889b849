// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/context.h>
#include <drupe/arch/cpu_features.h>

#include "asm_offsets.h"

#include <new>

extern "C" void context_first_run();

namespace drupe::arch {

void context_init(Context& context, void* stack_top, void (*entry)(void*), void* arg) {
    context = Context{};
    context.x19_x30[0] = reinterpret_cast<std::uint64_t>(entry);
    context.x19_x30[1] = reinterpret_cast<std::uint64_t>(arg);
    context.x19_x30[11] = reinterpret_cast<std::uint64_t>(&context_first_run);
    context.sp = reinterpret_cast<std::uint64_t>(stack_top);
}

void context_release(Context& context) { ::operator delete(context.sve); }

void context_make_user(Context& context, std::uint64_t tls) {
    context.tpidr_el0 = tls;
    context.flags = CONTEXT_FLAG_USER;
    if (cpu_features().dit_ssbs) context.flags |= CONTEXT_FLAG_PSTATE;
}

} // namespace drupe::arch
