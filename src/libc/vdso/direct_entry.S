// SPDX-License-Identifier: BSD-2-Clause
// The address at which a direct system call (docs/direct-call.md) enters the kernel; 0: there is no
// such way, use svc. The kernel writes it into its copy of this object before the first program.
    .section .rodata.direct_entry, "a", %progbits
    .balign 8
    .globl __drupe_syscall
    .type __drupe_syscall, %object
__drupe_syscall:
    .xword  0
    .size __drupe_syscall, . - __drupe_syscall
    .section .note.GNU-stack, "", %progbits
