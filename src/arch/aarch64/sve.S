// SPDX-License-Identifier: BSD-2-Clause
// SVE state in memory: z0-z31, then p0-p15, then FFR, each as long as the vector length says. The q
// registers are the low halves of z, so this is all of FP but FPSR and FPCR. SVE must not trap here.
    .arch_extension sve

    .macro for_z op
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    \op     z\n, [x4, #\n, mul vl]
    .endr
    .endm
    .macro for_p op
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    \op     p\n, [x4, #\n, mul vl]
    .endr
    .endm

    .text
    .globl sve_save, sve_load, sve_clear_upper, sve_vector_bytes
sve_save:                       // x4 = buffer; x4, x5 go
    for_z   str
    addvl   x4, x4, #31
    addvl   x4, x4, #1
    for_p   str
    rdffr   p0.b
    addpl   x4, x4, #16
    str     p0, [x4]
    addpl   x4, x4, #-16
    ldr     p0, [x4]
    ret

sve_load:
    mov     x5, x4
    addvl   x4, x4, #31
    addvl   x4, x4, #1
    addpl   x4, x4, #16
    ldr     p0, [x4]
    wrffr   p0.b
    addpl   x4, x4, #-16
    for_p   ldr
    mov     x4, x5
    for_z   ldr
    ret

    // First use: what lies above the q registers, the predicates and FFR read as zero.
sve_clear_upper:
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    mov     v\n\().16b, v\n\().16b
    .endr
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    pfalse  p\n\().b
    .endr
    wrffr   p0.b
    ret

sve_vector_bytes:
    rdvl    x0, #1
    ret
