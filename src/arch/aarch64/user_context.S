// SPDX-License-Identifier: BSD-2-Clause
// A new thread's way out: its frame has to lie at the top of the very stack that is in use, so the
// copy is made without touching the stack: no interrupt may either, its frame would lie over ours.

#include "asm_offsets.h"

    .text
    .globl drupe_enter_first
drupe_enter_first:              // x0 = frame, x1 = stack top
    msr     daifset, #2
    sub     x2, x1, #FRAME_SIZE
    mov     x3, x2
1:  ldp     x4, x5, [x0], #16
    stp     x4, x5, [x3], #16
    cmp     x3, x1
    b.ne    1b
    mov     x0, x2
    b       drupe_enter_user
