// SPDX-License-Identifier: BSD-2-Clause
// A program's faults: repaired by the address space, or its signal.
#include "report.h"

#include <drupe/process/lifecycle.h>
#include <drupe/process/signal.h>

#include <drupe/arch/upcalls.h>
#include <drupe/mm/address_space.h>

namespace drupe::process {
namespace {

using arch::Fault;
using mm::FaultOutcome;

/// FPSR's cumulative bits, which ESR_EL1.ISS repeats for a trapped exception: [arm/arm] "ISS
/// encoding for an exception from a trapped floating-point exception".
std::int32_t fp_code(std::uint64_t syndrome) {
    constexpr std::uint64_t is_valid = 1u << 23; // TFV
    if ((syndrome & is_valid) == 0) return fpe_unknown;
    if ((syndrome & 1) != 0) return fpe_invalid;
    if ((syndrome & 2) != 0) return fpe_divide;
    if ((syndrome & 4) != 0) return fpe_overflow;
    if ((syndrome & 8) != 0) return fpe_underflow;
    if ((syndrome & 16) != 0) return fpe_inexact;
    return fpe_unknown;
}

struct Cause {
    int signo;
    std::int32_t code;
};

Cause cause_of(const Fault& fault) {
    switch (fault.kind) {
    case Fault::Kind::translation: return {sigsegv, segv_map_error};
    case Fault::Kind::permission: return {sigsegv, segv_access_error};
    case Fault::Kind::alignment: return {sigbus, bus_alignment};
    case Fault::Kind::bus: return {sigbus, bus_object};
    case Fault::Kind::undefined: return {sigill, ill_opcode};
    case Fault::Kind::breakpoint: return {sigtrap, trap_breakpoint};
    case Fault::Kind::single_step: return {sigtrap, trap_trace};
    case Fault::Kind::fp_trapped: return {sigfpe, fp_code(fault.syndrome)};
    case Fault::Kind::other: return {sigill, ill_opcode};
    }
    return {sigill, ill_opcode};
}

bool is_page_fault(const Fault& fault) {
    return fault.kind == Fault::Kind::translation || fault.kind == Fault::Kind::permission;
}

Cause cause_of(FaultOutcome outcome) {
    switch (outcome) {
    case FaultOutcome::no_permission: return {sigsegv, segv_access_error};
    case FaultOutcome::beyond_object: return {sigbus, bus_address};
    default: return {sigsegv, segv_map_error};
    }
}

void raise(const Fault& fault, Cause cause) {
    UserThread& self = current_user();
    self.fault_address = raw(fault.address);
    self.fault_syndrome = fault.syndrome;
    self.fault_access = fault.access;
    force_signal(SigInfo::from_fault(cause.signo, cause.code, raw(fault.address)));
}

} // namespace
} // namespace drupe::process

namespace drupe::arch {

void on_user_fault(TrapFrame&, const Fault& fault) {
    using namespace process;
    if (!is_page_fault(fault)) return raise(fault, cause_of(fault));
    // The address is looked at first: one beyond the user half belongs to no region.
    const auto outcome = raw(fault.address) < raw(mm::AddressSpace::user_end)
                             ? current_process().image->space().fault(fault.address, fault.access)
                             : mm::FaultOutcome::no_mapping;
    if (outcome == mm::FaultOutcome::resolved) return;
    UserThread& self = current_user();
    self.overflowed_stack = outcome == mm::FaultOutcome::stack_overflow;
    if (outcome == mm::FaultOutcome::no_memory) {
        report_no_memory(self, fault.address);
        exit_process(WaitStatus::killed(sigkill));
    }
    raise(fault, cause_of(outcome));
}

bool on_user_access_fault(const Fault& fault) {
    const sched::Thread& thread = sched::current();
    if (thread.user_faults_off != 0 || !thread.address_space ||
        raw(fault.address) >= raw(mm::AddressSpace::user_end))
        return false;
    if (fault.kind != Fault::Kind::translation && fault.kind != Fault::Kind::permission)
        return false;
    return thread.address_space->fault(fault.address, fault.access) == mm::FaultOutcome::resolved;
}

} // namespace drupe::arch
