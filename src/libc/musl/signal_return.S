// SPDX-License-Identifier: BSD-2-Clause
// Where a signal handler returns to, on kernels other than ours. Unwinders and debuggers recognise
// its two words; that is why it has no unwind table (as the vDSO's, src/libc/vdso/signal_return.S).
// Its svc, the only one of this libc, is also how calls enter a kernel that publishes no other way.
    .text
    .balign 16
    nop                     // an unwinder looks up pc - 1: that must not be another function's entry
    .globl __restore, __restore_rt, __drupe_svc
    .hidden __restore, __restore_rt, __drupe_svc
    .type __restore, %function
    .type __restore_rt, %function
    .type __drupe_svc, %function
__restore:
__restore_rt:
    mov     x8, #139        // rt_sigreturn
__drupe_svc:
    svc     #0
    ret
    .section .note.GNU-stack, "", %progbits
