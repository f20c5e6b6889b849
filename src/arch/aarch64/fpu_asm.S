// SPDX-License-Identifier: BSD-2-Clause
// fpu.cc's register moves. x0 = buffer.
    .text
    .macro each op
    \op     q0, q1, [x0, #0]
    \op     q2, q3, [x0, #32]
    \op     q4, q5, [x0, #64]
    \op     q6, q7, [x0, #96]
    \op     q8, q9, [x0, #128]
    \op     q10, q11, [x0, #160]
    \op     q12, q13, [x0, #192]
    \op     q14, q15, [x0, #224]
    \op     q16, q17, [x0, #256]
    \op     q18, q19, [x0, #288]
    \op     q20, q21, [x0, #320]
    \op     q22, q23, [x0, #352]
    \op     q24, q25, [x0, #384]
    \op     q26, q27, [x0, #416]
    \op     q28, q29, [x0, #448]
    \op     q30, q31, [x0, #480]
    .endm
    .globl fpu_save_call, fpu_load_call, sve_save_call, sve_load_call
fpu_save_call:
    each    stp
    ret
fpu_load_call:
    each    ldp
    ret
sve_save_call:
    mov     x4, x0
    b       sve_save
sve_load_call:
    mov     x4, x0
    b       sve_load
