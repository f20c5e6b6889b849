// SPDX-License-Identifier: BSD-2-Clause
// void __unmapself(void* stack, size_t size): a detached thread ends, and its stack before it. Nothing
// here touches the stack; a call does not either (docs/direct-call.md).
    .hidden __drupe_entry
    .globl __unmapself
    .type __unmapself, %function
__unmapself:
    .cfi_startproc
    .cfi_undefined 30
    mov     x8, #215        // munmap(address, length)
    adrp    x16, __drupe_entry
    ldr     x16, [x16, :lo12:__drupe_entry]
    blr     x16
    mov     x8, #93         // exit(status)
    adrp    x16, __drupe_entry
    ldr     x16, [x16, :lo12:__drupe_entry]
    blr     x16
    .cfi_endproc
    .size __unmapself, . - __unmapself
    .section .note.GNU-stack, "", %progbits
