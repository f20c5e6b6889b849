// SPDX-License-Identifier: BSD-2-Clause
// Exception vectors: the program (EL1t or EL0) and the kernel (EL1h) enter here.
//
// The program uses SP_EL0, the kernel SP_EL1. When the program runs, SP_EL1 is the top of its thread's
// kernel stack, so a full frame from the program always lies at stack top - FRAME_SIZE. The kernel
// never touches FP: those registers stay the program's until a thread switch.

#include "asm_offsets.h"

    // For debuggers: what was interrupted is the caller, with its registers in the frame `at` bytes
    // above sp. Not true in the last instructions before eret.
    // [arm/aadwarf64] "DWARF register names": 31 is SP, 32 is PC.
    .cfi_sections .debug_frame
    .macro cfi_frame at
    .cfi_startproc simple
    .cfi_signal_frame
    .cfi_return_column 32
    .cfi_def_cfa sp, \at
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    .cfi_offset \n, FRAME_X(\n)
    .endr
    .cfi_offset 31, FRAME_SP
    .cfi_offset 32, FRAME_ELR
    .endm

    .macro save_frame
    sub     sp, sp, #FRAME_SIZE
    stp     x0, x1, [sp, #FRAME_X(0)]
    stp     x2, x3, [sp, #FRAME_X(2)]
    stp     x4, x5, [sp, #FRAME_X(4)]
    stp     x6, x7, [sp, #FRAME_X(6)]
    stp     x8, x9, [sp, #FRAME_X(8)]
    stp     x10, x11, [sp, #FRAME_X(10)]
    stp     x12, x13, [sp, #FRAME_X(12)]
    stp     x14, x15, [sp, #FRAME_X(14)]
    stp     x16, x17, [sp, #FRAME_X(16)]
    stp     x18, x19, [sp, #FRAME_X(18)]
    stp     x20, x21, [sp, #FRAME_X(20)]
    stp     x22, x23, [sp, #FRAME_X(22)]
    stp     x24, x25, [sp, #FRAME_X(24)]
    stp     x26, x27, [sp, #FRAME_X(26)]
    stp     x28, x29, [sp, #FRAME_X(28)]
    .endm

    .macro save_user
    save_frame
    mrs     x21, sp_el0
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #FRAME_X(30)]
    stp     x22, x23, [sp, #FRAME_ELR]
    mrs     x28, tpidr_el1
    .endm

    .macro load_frame_and_eret
    ldp     x0, x1, [sp, #FRAME_X(0)]
    ldp     x2, x3, [sp, #FRAME_X(2)]
    ldp     x4, x5, [sp, #FRAME_X(4)]
    ldp     x6, x7, [sp, #FRAME_X(6)]
    ldp     x8, x9, [sp, #FRAME_X(8)]
    ldp     x10, x11, [sp, #FRAME_X(10)]
    ldp     x12, x13, [sp, #FRAME_X(12)]
    ldp     x14, x15, [sp, #FRAME_X(14)]
    ldp     x16, x17, [sp, #FRAME_X(16)]
    ldp     x18, x19, [sp, #FRAME_X(18)]
    ldp     x20, x21, [sp, #FRAME_X(20)]
    ldp     x22, x23, [sp, #FRAME_X(22)]
    ldp     x24, x25, [sp, #FRAME_X(24)]
    ldp     x26, x27, [sp, #FRAME_X(26)]
    ldp     x28, x29, [sp, #FRAME_X(28)]
    add     sp, sp, #FRAME_SIZE
    eret
    .endm

    .macro vector target
    .balign 128
    b       \target
    .endm

    // [arm/arm] "AArch64 exception vector table".
    .section .text.vectors, "ax"
    .balign 2048
    .globl vectors
vectors:
    vector  user_sync           // 0x000 current EL, SP_EL0: a program at EL1t
    vector  user_irq
    vector  user_irq            // FIQ: as an interrupt, the chip tells
    vector  user_serror
    .balign 128                 // 0x200 current EL, SP_EL1: the kernel
    // A stack overflow shows in the stack pointer's bit before anything is stored. No register is
    // free yet: the sum and difference of sp and x0 take turns.
    add     sp, sp, x0
    sub     x0, sp, x0          // x0 = the old sp
    tbz     x0, #KERNEL_STACK_SHIFT, 1f
    sub     x0, sp, x0          // x0 = the old x0
    sub     sp, sp, x0          // sp = the old sp
    b       kernel_sync
1:  sub     x0, sp, x0
    sub     sp, sp, x0
    b       kernel_stack_overflow
    vector  kernel_irq
    vector  kernel_irq
    vector  kernel_serror
    vector  user_sync           // 0x400 lower EL, AArch64: a program at EL0
    vector  user_irq
    vector  user_irq
    vector  user_serror
    vector  user_aarch32        // 0x600 lower EL, AArch32: never entered
    vector  user_aarch32
    vector  user_aarch32
    vector  user_aarch32
    .balign 128

    .text
    .globl user_sync
user_sync:
    save_user
    cfi_frame 0
    mov     w25, #ENTRY_FULL
    str     w25, [x28, #THREAD_ENTRY_KIND]
    mrs     x24, esr_el1
    lsr     x25, x24, #26
    cmp     x25, #0x15          // ESR_EL1.EC: SVC from AArch64
    b.ne    user_fault
    stp     x0, x8, [sp, #FRAME_FIRST_ARG]
    msr     daifclr, #2
    .globl drupe_dispatch
drupe_dispatch:                 // sp = frame, x28 = thread, x0-x5, x8 = the call
    cmp     x8, #SYSCALL_COUNT
    b.hs    2f
    adrp    x16, drupe_active_table
    ldr     x16, [x16, :lo12:drupe_active_table]
    ldr     x16, [x16, x8, lsl #3]
    blr     x16
1:  str     x0, [sp, #FRAME_X(0)]
    .globl user_return
user_return:                    // sp = frame, x28 = thread
    msr     daifset, #2
    ldr     w1, [x28, #THREAD_WORK]
    cbnz    w1, 3f
4:  ldp     x22, x23, [sp, #FRAME_ELR]
    ldp     x30, x21, [sp, #FRAME_X(30)]
    msr     elr_el1, x22
    msr     spsr_el1, x23
    msr     sp_el0, x21
    load_frame_and_eret
2:  mov     x0, x8
    bl      drupe_unknown_syscall
    b       1b
3:  mov     x0, sp
    bl      drupe_return_to_user
    b       4b

user_fault:
    mov     x25, #-1
    str     x25, [sp, #FRAME_NUMBER]
    mrs     x2, far_el1
    msr     daifclr, #2
    mov     x0, sp
    mov     x1, x24
    bl      drupe_user_sync
    b       user_return
    .cfi_endproc

    .globl user_irq
user_irq:
    save_user
    cfi_frame 0
    mov     w25, #ENTRY_FULL
    str     w25, [x28, #THREAD_ENTRY_KIND]
    mov     x25, #-1
    str     x25, [sp, #FRAME_NUMBER]
    mov     x0, sp
    bl      drupe_user_irq
    b       user_return
    .cfi_endproc

user_serror:
    save_user
    mov     x0, sp
    mrs     x1, esr_el1
    bl      drupe_serror
    b       .

user_aarch32:
    save_user
    mov     x0, sp
    mrs     x1, esr_el1
    bl      drupe_serror
    b       .

    // The kernel interrupted itself. The frame's sp is what it was.
    .macro save_kernel
    save_frame
    add     x21, sp, #FRAME_SIZE
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #FRAME_X(30)]
    stp     x22, x23, [sp, #FRAME_ELR]
    mov     x25, #-1
    str     x25, [sp, #FRAME_NUMBER]
    stp     x29, x22, [sp, #-16]!       // a frame record: backtraces go through
    mov     x29, sp
    .endm

    .macro return_kernel
    add     sp, sp, #16
    ldp     x22, x23, [sp, #FRAME_ELR]
    ldr     x30, [sp, #FRAME_X(30)]
    msr     elr_el1, x22
    msr     spsr_el1, x23
    load_frame_and_eret
    .endm

kernel_sync:
    save_kernel
    cfi_frame 16
    add     x0, sp, #16
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      drupe_kernel_sync
    return_kernel
    .cfi_endproc

kernel_irq:
    save_kernel
    cfi_frame 16
    add     x0, sp, #16
    bl      drupe_kernel_irq
    tbnz    w0, #0, 1f
    return_kernel
1:  add     sp, sp, #16
    mrs     x28, tpidr_el1
    mov     w25, #ENTRY_FULL
    str     w25, [x28, #THREAD_ENTRY_KIND]
    b       user_return
    .cfi_endproc

kernel_serror:
    save_kernel
    add     x0, sp, #16
    mrs     x1, esr_el1
    bl      drupe_serror
    b       .

    // SP points into a guard. Report on the overflow stack of this CPU.
kernel_stack_overflow:
    msr     tpidrro_el0, x0
    mov     x0, sp
    msr     sp_el0, x0                  // the program's is lost: this kernel ends here
    adrp    x0, overflow_stack_end
    add     x0, x0, :lo12:overflow_stack_end
    mov     sp, x0
    mrs     x0, tpidrro_el0
    save_frame
    mrs     x21, sp_el0
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #FRAME_X(30)]
    stp     x22, x23, [sp, #FRAME_ELR]
    stp     x29, x22, [sp, #-16]!
    mov     x29, sp
    add     x0, sp, #16
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      drupe_kernel_stack_overflow
    b       .

    // First run of a program's thread: its frame lies on the stack (x28 = thread).
    .globl drupe_enter_user
drupe_enter_user:               // x0 = frame
    mov     sp, x0
    mrs     x28, tpidr_el1
    b       user_return

    .section .bss.overflow_stack, "aw", %nobits
    .balign 16
    .space  4096
overflow_stack_end:
