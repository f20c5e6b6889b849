// SPDX-License-Identifier: BSD-2-Clause
// x0 = from, x1 = to, x2 = seed. Returns how many of x19-x28 a switch and its return changed.
    .text
    .globl ktest_switch
ktest_switch:
    stp     x29, x30, [sp, #-112]!
    mov     x29, sp
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    str     x2, [sp, #96]
    .irp    n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
    add     x\n, x2, #\n
    .endr
    bl      context_switch_asm
    ldr     x2, [sp, #96]
    mov     x0, #0
    .irp    n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
    add     x3, x2, #\n
    cmp     x\n, x3
    cinc    x0, x0, ne
    .endr
    cmp     sp, x29
    cinc    x0, x0, ne
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #112
    ret
