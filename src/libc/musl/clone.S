// SPDX-License-Identifier: BSD-2-Clause
// int __clone(function x0, stack x1, flags w2, argument x3, parent_tid x4, tls x5, child_tid x6)
// The child comes out of the call as its parent does, on its own stack.
    .hidden __drupe_entry
    .globl __clone
    .hidden __clone
    .type __clone, %function
__clone:
    .cfi_startproc
    stp     x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset 29, -16
    .cfi_offset 30, -8
    and     x1, x1, #-16
    stp     x0, x3, [x1, #-16]!
    mov     w0, w2
    mov     x2, x4
    mov     x3, x5
    mov     x4, x6
    mov     x8, #220        // clone(flags, stack, parent_tid, tls, child_tid)
    adrp    x16, __drupe_entry
    ldr     x16, [x16, :lo12:__drupe_entry]
    blr     x16
    cbz     x0, 1f
    ldp     x29, x30, [sp], #16
    .cfi_remember_state
    .cfi_def_cfa_offset 0
    .cfi_restore 29
    .cfi_restore 30
    ret
    // The child: the first frame of its stack.
1:  .cfi_restore_state
    .cfi_undefined 30
    mov     x29, xzr
    ldp     x1, x0, [sp], #16
    blr     x1
    mov     x8, #93         // exit(status)
    adrp    x16, __drupe_entry
    ldr     x16, [x16, :lo12:__drupe_entry]
    blr     x16
    .cfi_endproc
    .size __clone, . - __clone
    .section .note.GNU-stack, "", %progbits
