// SPDX-License-Identifier: BSD-2-Clause
// The switch between two kernel threads of control. The program's FP registers, TLS pointer and stack
// pointer sit in the hardware while the kernel runs; they change hands here and nowhere else.

#include "asm_offsets.h"

#define DIT S3_3_C4_C2_5
#define SSBS S3_3_C4_C2_6

    .text
    .globl context_switch_asm
context_switch_asm:             // x0 = from, x1 = to; interrupts masked
    stp     x19, x20, [x0, #CONTEXT_X19]
    stp     x21, x22, [x0, #CONTEXT_X19 + 16]
    stp     x23, x24, [x0, #CONTEXT_X19 + 32]
    stp     x25, x26, [x0, #CONTEXT_X19 + 48]
    stp     x27, x28, [x0, #CONTEXT_X19 + 64]
    stp     x29, x30, [x0, #CONTEXT_X19 + 80]
    mov     x2, sp
    ldr     w3, [x0, #CONTEXT_FLAGS]
    str     x2, [x0, #CONTEXT_SP]
    tbnz    w3, #0, save_user_state
1:  ldr     w3, [x1, #CONTEXT_FLAGS]
    tbnz    w3, #0, load_user_state
2:  ldp     x19, x20, [x1, #CONTEXT_X19]
    ldp     x21, x22, [x1, #CONTEXT_X19 + 16]
    ldp     x23, x24, [x1, #CONTEXT_X19 + 32]
    ldp     x25, x26, [x1, #CONTEXT_X19 + 48]
    ldp     x27, x28, [x1, #CONTEXT_X19 + 64]
    ldp     x29, x30, [x1, #CONTEXT_X19 + 80]
    ldr     x2, [x1, #CONTEXT_SP]
    mov     sp, x2
    ret

save_user_state:
    mrs     x4, sp_el0
    mrs     x5, tpidr_el0
    mrs     x6, fpsr
    mrs     x7, fpcr
    stp     x4, x5, [x0, #CONTEXT_SP_EL0]
    stp     w6, w7, [x0, #CONTEXT_FPSR]
    add     x4, x0, #CONTEXT_Q0
    tbnz    w3, #2, 5f
3:  tbnz    w3, #1, 4f
    stp     q0, q1, [x4, #0]
    stp     q2, q3, [x4, #32]
    stp     q4, q5, [x4, #64]
    stp     q6, q7, [x4, #96]
    stp     q8, q9, [x4, #128]
    stp     q10, q11, [x4, #160]
    stp     q12, q13, [x4, #192]
    stp     q14, q15, [x4, #224]
    stp     q16, q17, [x4, #256]
    stp     q18, q19, [x4, #288]
    stp     q20, q21, [x4, #320]
    stp     q22, q23, [x4, #352]
    stp     q24, q25, [x4, #384]
    stp     q26, q27, [x4, #416]
    stp     q28, q29, [x4, #448]
    stp     q30, q31, [x4, #480]
    b       1b
4:  ldr     x4, [x0, #CONTEXT_SVE]
    mov     x9, x30
    mov     x10, x1
    bl      sve_save
    mov     x30, x9
    mov     x1, x10
    mrs     x4, cpacr_el1               // ZEN = 0: the next user of SVE traps or is loaded
    bic     x4, x4, #(3 << 16)
    msr     cpacr_el1, x4
    b       1b
5:  mrs     x5, DIT
    mrs     x6, SSBS
    orr     x5, x5, x6
    str     w5, [x0, #CONTEXT_PSTATE_BITS]
    b       3b

load_user_state:
    ldp     x4, x5, [x1, #CONTEXT_SP_EL0]
    ldp     w6, w7, [x1, #CONTEXT_FPSR]
    msr     sp_el0, x4
    msr     tpidr_el0, x5
    msr     fpsr, x6
    msr     fpcr, x7
    add     x4, x1, #CONTEXT_Q0
    tbnz    w3, #2, 5f
3:  tbnz    w3, #1, 4f
    ldp     q0, q1, [x4, #0]
    ldp     q2, q3, [x4, #32]
    ldp     q4, q5, [x4, #64]
    ldp     q6, q7, [x4, #96]
    ldp     q8, q9, [x4, #128]
    ldp     q10, q11, [x4, #160]
    ldp     q12, q13, [x4, #192]
    ldp     q14, q15, [x4, #224]
    ldp     q16, q17, [x4, #256]
    ldp     q18, q19, [x4, #288]
    ldp     q20, q21, [x4, #320]
    ldp     q22, q23, [x4, #352]
    ldp     q24, q25, [x4, #384]
    ldp     q26, q27, [x4, #416]
    ldp     q28, q29, [x4, #448]
    ldp     q30, q31, [x4, #480]
    b       2b
4:  mrs     x4, cpacr_el1
    orr     x4, x4, #(3 << 16)
    msr     cpacr_el1, x4
    isb
    ldr     x4, [x1, #CONTEXT_SVE]
    mov     x10, x1
    bl      sve_load
    mov     x1, x10
    b       2b
5:  ldr     w5, [x1, #CONTEXT_PSTATE_BITS]
    and     x6, x5, #(1 << 24)
    msr     DIT, x6
    and     x6, x5, #(1 << 12)
    msr     SSBS, x6
    b       3b

    // The first switch to a new thread lands here: x19 = entry, x20 = argument.
    .globl context_first_run
context_first_run:
    .cfi_sections .debug_frame
    .cfi_startproc
    .cfi_undefined x30          // nobody called
    mov     x29, xzr
    mov     x0, x20
    mov     x30, xzr
    blr     x19
    brk     #0x1
    .cfi_endproc
