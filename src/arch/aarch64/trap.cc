// SPDX-License-Identifier: BSD-2-Clause
// From the entry stubs to the kernel's upcalls.
#include <drupe/arch/aarch64/esr.h>
#include <drupe/arch/fpu.h>
#include <drupe/arch/irq_state.h>
#include <drupe/arch/trap.h>
#include <drupe/arch/upcalls.h>

#include <cstdint>

namespace drupe::arch {
namespace {

using aarch64::decode_fault;
using aarch64::Esr;

struct Fixup {
    std::uint64_t begin, end, target;
};
extern "C" const Fixup drupe_fixups_begin[], drupe_fixups_end[];
extern "C" const char drupe_direct_check[], drupe_direct_popped[], drupe_direct_return[];

std::uint64_t address(const char* label) { return reinterpret_cast<std::uint64_t>(label); }

const Fixup* find_fixup(std::uint64_t pc) {
    for (const Fixup* f = drupe_fixups_begin; f != drupe_fixups_end; f++)
        if (pc >= f->begin && pc < f->end) return f;
    return nullptr;
}

// A kernel that touches a program's memory may sleep in the fault; interrupts are on while it does.
bool repair_user_access(TrapFrame& frame, const Fault& fault) {
    if (raw(fault.address) >> 48 != 0) return false; // a defect of the kernel's side of the copy
    const bool were_enabled = (frame.spsr & 1u << 7) == 0; // SPSR_EL1.I
    if (were_enabled) irq_enable();
    const bool repaired = on_user_access_fault(fault);
    irq_disable();
    return repaired;
}

const char* describe(Esr esr) {
    switch (esr.ec()) {
    case Esr::Class::data_abort:
        return esr.is_write() ? "write to a bad address" : "read of a bad address";
    case Esr::Class::insn_abort: return "jump to a bad address";
    case Esr::Class::unknown: return "undefined instruction";
    case Esr::Class::brk: return "breakpoint instruction";
    case Esr::Class::sp_alignment: return "misaligned stack pointer";
    case Esr::Class::pc_alignment: return "misaligned program counter";
    case Esr::Class::svc64: return "svc instruction";
    default: return "unexpected exception";
    }
}

} // namespace

extern "C" {

void drupe_user_sync(TrapFrame* frame, std::uint64_t syndrome, std::uint64_t far) {
    const Esr esr{syndrome};
    // [arm/arm] "CPACR_EL1.ZEN": the first SVE instruction of a thread traps.
    if (esr.ec() == Esr::Class::sve && sve_enable()) return;
    on_user_fault(*frame, decode_fault(esr, far, frame->pc()));
}

void drupe_user_irq(TrapFrame* frame) {
    on_interrupt(*frame);
    // After the direct call's stub has left the kernel's stack, one instruction remains: do it
    // here, so that nobody sees a PC of ours.
    if (frame->elr == address(drupe_direct_return)) frame->elr = frame->x[30];
}

// True: the frame has become the program's; leave through the common exit.
bool drupe_kernel_irq(TrapFrame* frame) {
    on_interrupt(*frame);
    // See direct_entry.S: flags set by this interrupt must be seen before the program runs.
    if (frame->elr >= address(drupe_direct_check) && frame->elr < address(drupe_direct_popped))
        frame->elr = address(drupe_direct_check);
    if (frame->elr != address(drupe_direct_popped)) return false;
    // The stack is empty again and only `msr spsel, #0` and `ret` remain: done here.
    asm("mrs %0, sp_el0" : "=r"(frame->user_sp));
    frame->elr = frame->x[30];
    frame->spsr = (frame->spsr & ~std::uint64_t{0x1f}) | 0x4; // SPSR_EL1.M = EL1t
    return true;
}

void drupe_kernel_sync(TrapFrame* frame, std::uint64_t syndrome, std::uint64_t far) {
    const Esr esr{syndrome};
    const Fault fault = decode_fault(esr, far, frame->pc());
    const Fixup* fixup = esr.is_abort() && !esr.is_insn_abort() ? find_fixup(frame->pc()) : nullptr;
    if (!fixup) on_kernel_fault(*frame, fault, describe(esr));
    if (!repair_user_access(*frame, fault)) frame->elr = fixup->target;
}

void drupe_kernel_stack_overflow(TrapFrame* frame, std::uint64_t syndrome, std::uint64_t far) {
    on_kernel_fault(*frame, decode_fault(Esr{syndrome}, far, frame->pc()), "kernel stack overflow");
}

void drupe_serror(TrapFrame* frame, std::uint64_t syndrome) {
    on_kernel_fault(*frame, decode_fault(Esr{syndrome}, 0, frame->pc()), "system error (SError)");
}

void drupe_return_to_user(TrapFrame* frame) { on_return_to_user(*frame); }

} // extern "C"
} // namespace drupe::arch
