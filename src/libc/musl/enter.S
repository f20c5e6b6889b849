// SPDX-License-Identifier: BSD-2-Clause
// The address at which this libc enters the kernel. The first call finds it: no constructor is early
// enough for the calls of ld.so and of a program's start.
    .data
    .balign 8
    .globl __drupe_entry
    .hidden __drupe_entry
    .type __drupe_entry, %object
__drupe_entry:
    .xword  find_entry
    .size __drupe_entry, . - __drupe_entry

    // Called as the kernel is, with a call's registers. What the kernel keeps must survive, and that
    // is more than C keeps: all floating-point registers.
    .macro  vectors op
    add     x9, sp, #80
    .irp    n, 0, 4, 8, 12, 16, 20, 24, 28
    vectors_of \op, \n
    .endr
    .endm
    .macro  vectors_of op, n
    .altmacro
    vectors_at \op, %(\n), %(\n + 1), %(\n + 2), %(\n + 3)
    .noaltmacro
    .endm
    .macro  vectors_at op, a, b, c, d
    \op     {v\a\().2d, v\b\().2d, v\c\().2d, v\d\().2d}, [x9], #64
    .endm

    .text
    .type find_entry, %function
find_entry:
    .cfi_startproc
    sub     sp, sp, #592
    .cfi_def_cfa_offset 592
    stp     x29, x30, [sp]
    .cfi_offset 29, -592
    .cfi_offset 30, -584
    stp     x0, x1, [sp, #16]
    stp     x2, x3, [sp, #32]
    stp     x4, x5, [sp, #48]
    str     x8, [sp, #64]
    vectors st1
    bl      __drupe_find_entry
    adrp    x9, __drupe_entry
    str     x0, [x9, :lo12:__drupe_entry]
    mov     x16, x0
    vectors ld1
    ldp     x0, x1, [sp, #16]
    ldp     x2, x3, [sp, #32]
    ldp     x4, x5, [sp, #48]
    ldr     x8, [sp, #64]
    ldp     x29, x30, [sp]
    add     sp, sp, #592
    .cfi_def_cfa_offset 0
    .cfi_restore 29
    .cfi_restore 30
    // x30 is the caller's: for a call that the kernel makes again it lies behind a `blr x16`.
    br      x16
    .cfi_endproc
    .size find_entry, . - find_entry
    .section .note.GNU-stack, "", %progbits
