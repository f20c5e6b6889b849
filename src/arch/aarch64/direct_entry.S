// SPDX-License-Identifier: BSD-2-Clause
// The second way in: a function call from a program at EL1t (docs/direct-call.md).
//   x8 = number, x0-x5 = arguments; returns x0. Keeps what the procedure call standard keeps.
// Rows that need the caller's registers, or may block where a signal can end them, go on through
// drupe_direct_with_frame, which makes the call look like an svc.
//
// An interrupt between the check of the work flags and the return would be seen too late. Its return
// path (trap.cc) therefore rewinds a PC in [drupe_direct_check, drupe_direct_popped) to the check, and
// completes the last two instructions itself. The single post-indexed ldp must stay the only change
// of SP in that window.

#include "asm_offsets.h"

    .text
    .balign 64
    .globl drupe_direct_entry, drupe_direct_check, drupe_direct_popped, drupe_direct_return
drupe_direct_entry:
    msr     spsel, #1
    stp     x29, x30, [sp, #-16]!
    mrs     x16, tpidr_el1
    str     wzr, [x16, #THREAD_ENTRY_KIND]      // ENTRY_DIRECT
    cmp     x8, #SYSCALL_COUNT
    b.hs    2f
    adrp    x16, drupe_active_direct_table
    ldr     x16, [x16, :lo12:drupe_active_direct_table]
    ldr     x16, [x16, x8, lsl #3]
    blr     x16
drupe_direct_check:
    mrs     x16, tpidr_el1
    ldr     w16, [x16, #THREAD_WORK]
    cbnz    w16, direct_work
    ldp     x29, x30, [sp], #16
drupe_direct_popped:
    msr     spsel, #0
drupe_direct_return:
    ret

2:  mov     x0, x8
    bl      drupe_unknown_syscall
    b       drupe_direct_check

    // The program's registers as they will be after the return, in an svc-shaped frame. x0 is the
    // result already; what the caller may not rely on reads as zero. x9 = SPSR bits.
    .macro build_frame
    sub     sp, sp, #FRAME_SIZE - 16
    stp     x0, x1, [sp, #FRAME_X(0)]
    stp     x2, x3, [sp, #FRAME_X(2)]
    stp     x4, x5, [sp, #FRAME_X(4)]
    stp     x6, x7, [sp, #FRAME_X(6)]
    stp     x8, xzr, [sp, #FRAME_X(8)]
    stp     xzr, xzr, [sp, #FRAME_X(10)]
    stp     xzr, xzr, [sp, #FRAME_X(12)]
    stp     xzr, xzr, [sp, #FRAME_X(14)]
    stp     xzr, xzr, [sp, #FRAME_X(16)]
    stp     xzr, x19, [sp, #FRAME_X(18)]
    stp     x20, x21, [sp, #FRAME_X(20)]
    stp     x22, x23, [sp, #FRAME_X(22)]
    stp     x24, x25, [sp, #FRAME_X(24)]
    stp     x26, x27, [sp, #FRAME_X(26)]
    stp     x28, x29, [sp, #FRAME_X(28)]
    mrs     x28, tpidr_el1
    mov     w17, #ENTRY_FULL
    str     w17, [x28, #THREAD_ENTRY_KIND]
    ldr     w9, [x28, #THREAD_CONTEXT + CONTEXT_FLAGS]
    mov     x16, #4                             // SPSR_EL1: EL1t, nothing masked
    tbz     w9, #2, 8f
    mrs     x9, S3_3_C4_C2_5                    // DIT
    orr     x16, x16, x9
    mrs     x9, S3_3_C4_C2_6                    // SSBS
    orr     x16, x16, x9
8:  mrs     x17, sp_el0
    stp     x30, x17, [sp, #FRAME_X(30)]
    stp     x30, x16, [sp, #FRAME_ELR]
    .endm

direct_work:                    // a flag is set: leave through the common exit
    msr     daifset, #2
    ldp     x29, x30, [sp]
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8
    mov     x\n, #0
    .endr
    build_frame
    mov     x17, #-1
    str     x17, [sp, #FRAME_NUMBER]
    b       user_return

    .globl drupe_direct_with_frame
drupe_direct_with_frame:        // from drupe_direct_entry's blr: arguments untouched
    ldp     x29, x30, [sp]
    build_frame
    mov     x17, x8
    orr     x17, x17, #(1 << FRAME_DIRECT_BIT)
    stp     x0, x17, [sp, #FRAME_FIRST_ARG]
    b       drupe_dispatch
