// SPDX-License-Identifier: BSD-2-Clause
// Where a signal handler returns to. Unwinders and debuggers recognise these two words and then read
// every register from the signal frame. That is why there is no unwind table for them, as on Linux
// since 5.8: an entry would be believed instead, and no table can say that the interrupted pc and x30
// are two different registers in a way that all unwinders understand.
    .text
    .balign 16
    nop                     // an unwinder looks up pc - 1: that must not be another function's entry
    .globl __kernel_rt_sigreturn
    .type __kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
    mov     x8, #139
    svc     #0
    .size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn
    .section .note.GNU-stack, "", %progbits
