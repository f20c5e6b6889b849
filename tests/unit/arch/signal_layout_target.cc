// SPDX-License-Identifier: BSD-2-Clause
// Compiled for the target, never run: our signal frame against the C library's and Linux's headers.
#include <drupe/arch/aarch64/signal_layout.h>

#include <asm/sigcontext.h>
#include <signal.h>
#include <ucontext.h>

namespace drupe::arch::aarch64 {
namespace {

// What Linux pushes; it is in no header.
struct Frame {
    siginfo_t info;
    ucontext_t uc;
};

#define DRUPE_SAME(ours, theirs) static_assert(offsetof(FrameHead, ours) == offsetof(Frame, theirs))
DRUPE_SAME(info, info);
DRUPE_SAME(flags, uc.uc_flags);
DRUPE_SAME(link, uc.uc_link);
DRUPE_SAME(stack_sp, uc.uc_stack.ss_sp);
DRUPE_SAME(stack_flags, uc.uc_stack.ss_flags);
DRUPE_SAME(stack_size, uc.uc_stack.ss_size);
DRUPE_SAME(blocked, uc.uc_sigmask);
DRUPE_SAME(fault_address, uc.uc_mcontext.fault_address);
DRUPE_SAME(x, uc.uc_mcontext.regs);
DRUPE_SAME(sp, uc.uc_mcontext.sp);
DRUPE_SAME(pc, uc.uc_mcontext.pc);
DRUPE_SAME(pstate, uc.uc_mcontext.pstate);
#undef DRUPE_SAME
static_assert(records_offset == offsetof(Frame, uc.uc_mcontext.__reserved));
static_assert(ucontext_offset == offsetof(Frame, uc));
static_assert(frame_bytes == sizeof(Frame));
static_assert(siginfo_bytes == sizeof(siginfo_t));
static_assert(reserved_bytes == sizeof(mcontext_t::__reserved));

static_assert(sizeof(RecordHead) == sizeof(_aarch64_ctx));
static_assert(sizeof(FpsimdRecord) == sizeof(fpsimd_context) &&
              offsetof(FpsimdRecord, fpsr) == offsetof(fpsimd_context, fpsr) &&
              offsetof(FpsimdRecord, fpcr) == offsetof(fpsimd_context, fpcr) &&
              offsetof(FpsimdRecord, q) == offsetof(fpsimd_context, vregs));
static_assert(sizeof(EsrRecord) == sizeof(esr_context) &&
              offsetof(EsrRecord, esr) == offsetof(esr_context, esr));
static_assert(sizeof(ExtraRecord) == sizeof(extra_context) &&
              offsetof(ExtraRecord, data) == offsetof(extra_context, datap) &&
              offsetof(ExtraRecord, bytes) == offsetof(extra_context, size));
static_assert(sizeof(SveRecord) == sizeof(sve_context) &&
              offsetof(SveRecord, vector_bytes) == offsetof(sve_context, vl) &&
              offsetof(SveRecord, flags) == offsetof(sve_context, flags));
static_assert(fpsimd_magic == FPSIMD_MAGIC && esr_magic == ESR_MAGIC &&
              extra_magic == EXTRA_MAGIC && sve_magic == SVE_MAGIC);
static_assert(sizeof(SveRecord) == SVE_SIG_REGS_OFFSET);
static_assert(32 * 64 + 17 * (64 / 8) == SVE_SIG_REGS_SIZE(4)); // as sve_state_bytes(64)

} // namespace
} // namespace drupe::arch::aarch64
