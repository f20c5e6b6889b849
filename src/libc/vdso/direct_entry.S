// SPDX-License-Identifier: BSD-2-Clause
// The two ways of a system call that is a function call (docs/direct-call.md): the word holds the
// address at which the kernel is entered, or 0 when programs run in isolation; then the function
// beside it is what a caller uses, with the same registers.
    .section .rodata.direct_entry, "a", %progbits
    .balign 8
    .globl __drupe_syscall
    .type __drupe_syscall, %object
__drupe_syscall:
    .xword  0
    .size __drupe_syscall, . - __drupe_syscall

    .text
    .globl __drupe_syscall_by_svc
    .type __drupe_syscall_by_svc, %function
__drupe_syscall_by_svc:
    .cfi_startproc
    svc     #0
    ret
    .cfi_endproc
    .size __drupe_syscall_by_svc, . - __drupe_syscall_by_svc
    .section .note.GNU-stack, "", %progbits
