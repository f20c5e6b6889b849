// SPDX-License-Identifier: BSD-2-Clause
// Layout that assembly knows. asm_offsets.cc proves every line against the C++ types.
#pragma once

#define THREAD_WORK 8
#define THREAD_ENTRY_KIND 12
#define THREAD_CPU 16
#define THREAD_STACK_TOP 24
#define THREAD_CONTEXT 32

#define ENTRY_DIRECT 0 /* direct call: no frame, callee-saved registers only */
#define ENTRY_FULL 1   /* svc, fault, interrupt, upgraded direct call: a frame at the stack's top */

#define FRAME_X(n) ((n)*8)
#define FRAME_SP 248
#define FRAME_ELR 256
#define FRAME_SPSR 264
#define FRAME_FIRST_ARG 272
#define FRAME_NUMBER 280
#define FRAME_DIRECT_BIT 32 /* of FRAME_NUMBER: entered by a call, not by svc */
#define FRAME_SIZE 288

#define CONTEXT_X19 0
#define CONTEXT_SP 96
#define CONTEXT_SP_EL0 104
#define CONTEXT_TPIDR_EL0 112
#define CONTEXT_FPSR 120
#define CONTEXT_FPCR 124
#define CONTEXT_FLAGS 128
#define CONTEXT_PSTATE_BITS 132
#define CONTEXT_SVE 136
#define CONTEXT_Q0 144

#define CONTEXT_FLAG_USER 1   /* has user registers at all */
#define CONTEXT_FLAG_SVE 2    /* has a full SVE state in CONTEXT_SVE */
#define CONTEXT_FLAG_PSTATE 4 /* the CPU has PSTATE.DIT and PSTATE.SSBS, kept across a switch */

#define SYSCALL_COUNT 512

/* Kernel stacks lie in the upper half of a window of twice their size: the bit tells an overflow. */
#define KERNEL_STACK_SHIFT 14
