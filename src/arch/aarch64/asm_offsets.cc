// SPDX-License-Identifier: BSD-2-Clause
// Proves asm_offsets.h.
#include "asm_offsets.h"

#include <drupe/arch/context.h>
#include <drupe/arch/trap.h>

namespace drupe::arch {

static_assert(offsetof(TrapFrame, x) == FRAME_X(0));
static_assert(offsetof(TrapFrame, user_sp) == FRAME_SP);
static_assert(offsetof(TrapFrame, elr) == FRAME_ELR);
static_assert(offsetof(TrapFrame, spsr) == FRAME_SPSR);
static_assert(offsetof(TrapFrame, first_arg) == FRAME_FIRST_ARG);
static_assert(offsetof(TrapFrame, number) == FRAME_NUMBER);
static_assert(sizeof(TrapFrame) == FRAME_SIZE);

static_assert(offsetof(Context, x19_x30) == CONTEXT_X19);
static_assert(offsetof(Context, sp) == CONTEXT_SP);
static_assert(offsetof(Context, sp_el0) == CONTEXT_SP_EL0);
static_assert(offsetof(Context, tpidr_el0) == CONTEXT_TPIDR_EL0);
static_assert(offsetof(Context, fpsr) == CONTEXT_FPSR);
static_assert(offsetof(Context, fpcr) == CONTEXT_FPCR);
static_assert(offsetof(Context, flags) == CONTEXT_FLAGS);
static_assert(offsetof(Context, pstate_bits) == CONTEXT_PSTATE_BITS);
static_assert(offsetof(Context, sve) == CONTEXT_SVE);
static_assert(offsetof(Context, q) == CONTEXT_Q0);

} // namespace drupe::arch
