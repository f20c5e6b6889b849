// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/aarch64/esr.h>

namespace drupe::arch::aarch64 {
namespace {

using Class = Esr::Class;

// [arm/arm] "ISS encoding for an exception from a Data Abort", DFSC; instruction aborts share it.
Fault::Kind abort_kind(unsigned status) {
    switch (status & 0x3c) {
    case 0x00: return Fault::Kind::translation; // address size fault
    case 0x04: return Fault::Kind::translation;
    case 0x08: return Fault::Kind::permission; // access flag: our entries always have it set
    case 0x0c: return Fault::Kind::permission;
    }
    return status == 0x21 ? Fault::Kind::alignment : Fault::Kind::bus;
}

} // namespace

Fault decode_fault(Esr esr, std::uint64_t far, std::uint64_t pc) {
    Fault fault{Fault::Kind::other, Access::exec, VirtAddr{pc}, esr.raw};
    switch (esr.ec()) {
    case Class::data_abort:
    case Class::data_abort_lower:
        fault.kind = abort_kind(esr.status());
        // Cache maintenance reports WnR = 1 but only reads.
        fault.access = esr.is_write() && !esr.is_cache_maintenance() ? Access::write : Access::read;
        fault.address = VirtAddr{far & 0x00ff'ffff'ffff'ffff}; // TBI0: the top byte is a tag
        if ((far >> 55 & 1) != 0) fault.address = VirtAddr{far | 0xff00'0000'0000'0000};
        break;
    case Class::insn_abort:
    case Class::insn_abort_lower:
        fault.kind = abort_kind(esr.status());
        fault.address = VirtAddr{far};
        break;
    case Class::pc_alignment:
        fault.kind = Fault::Kind::alignment;
        fault.address = VirtAddr{far};
        break;
    case Class::sp_alignment:
        fault.kind = Fault::Kind::alignment;
        fault.access = Access::read;
        break;
    case Class::fp_exception: fault.kind = Fault::Kind::fp_trapped; break;
    case Class::brk:
    case Class::breakpoint:
    case Class::breakpoint_lower: fault.kind = Fault::Kind::breakpoint; break;
    case Class::step:
    case Class::step_lower: fault.kind = Fault::Kind::single_step; break;
    case Class::watchpoint:
    case Class::watchpoint_lower:
        fault.kind = Fault::Kind::breakpoint;
        fault.address = VirtAddr{far};
        break;
    case Class::unknown:
    case Class::sysreg:
    case Class::illegal_state:
    case Class::bti:
    case Class::pac_fail:
    case Class::fp_access:
    case Class::wfx:
    case Class::sve: fault.kind = Fault::Kind::undefined; break;
    default: break;
    }
    return fault;
}

} // namespace drupe::arch::aarch64
