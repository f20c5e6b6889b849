// SPDX-License-Identifier: BSD-2-Clause
// long __syscall_cp_asm(volatile int* cancel, long number, six arguments): a call that is a cancellation
// point. A thread whose pc lies in [__cp_begin, __cp_end) has not begun its call, or is to make it
// again: the handler of cancellation (musl's pthread_cancel.c) sends it to __cp_cancel. Behind
// __cp_end the call has had its effect, and its result counts. All places in the range have the
// same stack, so that __cp_cancel can undo it.
    .globl __syscall_cp_asm, __cp_begin, __cp_end, __cp_cancel
    .hidden __syscall_cp_asm, __cp_begin, __cp_end, __cp_cancel, __cancel, __drupe_entry
    .type __syscall_cp_asm, %function
__syscall_cp_asm:
    .cfi_startproc
    stp     x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset 29, -16
    .cfi_offset 30, -8
__cp_begin:
    ldr     w0, [x0]
    cbnz    w0, __cp_cancel
    adrp    x16, __drupe_entry
    ldr     x16, [x16, :lo12:__drupe_entry]
    mov     x8, x1
    mov     x0, x2
    mov     x1, x3
    mov     x2, x4
    mov     x3, x5
    mov     x4, x6
    mov     x5, x7
    blr     x16
__cp_end:
    .cfi_remember_state
    ldp     x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore 29
    .cfi_restore 30
    ret
__cp_cancel:
    .cfi_restore_state
    ldp     x29, x30, [sp], #16
    .cfi_def_cfa_offset 0
    .cfi_restore 29
    .cfi_restore 30
    b       __cancel
    .cfi_endproc
    .size __syscall_cp_asm, . - __syscall_cp_asm
    .section .note.GNU-stack, "", %progbits
