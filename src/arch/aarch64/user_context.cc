// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/user_context.h>

#include <drupe/arch/fpu.h>
#include <drupe/arch/user_mode.h>

#include "asm_offsets.h"

extern "C" {
void fpu_save_call(void* q);
[[noreturn]] void drupe_enter_first(const void* frame, std::uintptr_t stack_top);
}

namespace drupe::arch {

static_assert(entry_full == ENTRY_FULL);

TrapFrame first_user_frame(VirtAddr pc, VirtAddr sp) {
    TrapFrame frame{};
    frame.elr = raw(pc);
    frame.user_sp = raw(sp);
    // [arm/arm] "SPSR_EL1": M = EL0t or EL1t, interrupts enabled.
    frame.spsr = isolation() == IsolationMode::el0 ? 0x0 : 0x4;
    frame.number = -1;
    return frame;
}

TrapFrame* user_frame_of(std::uintptr_t kernel_stack_top) {
    return reinterpret_cast<TrapFrame*>(kernel_stack_top - sizeof(TrapFrame));
}

void enter_user(const TrapFrame& frame, std::uintptr_t kernel_stack_top) {
    drupe_enter_first(&frame, kernel_stack_top);
}

void context_copy_fpu(Context& child) {
    fpu_save_call(child.q);
    std::uint64_t fpsr, fpcr;
    asm volatile("mrs %0, fpsr\n\tmrs %1, fpcr" : "=r"(fpsr), "=r"(fpcr));
    child.fpsr = static_cast<std::uint32_t>(fpsr);
    child.fpcr = static_cast<std::uint32_t>(fpcr);
}

void reset_user_context() {
    fpu_restore(FpuState{});
    asm volatile("msr tpidr_el0, xzr");
}

std::uint64_t user_tls() {
    std::uint64_t value;
    asm volatile("mrs %0, tpidr_el0" : "=r"(value));
    return value;
}

} // namespace drupe::arch
