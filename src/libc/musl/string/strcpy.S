// SPDX-License-Identifier: BSD-2-Clause
// char* strcpy(char* to, const char* from); char* stpcpy(…) returns where the copy's NUL is.
// Longer strings in blocks of 32; the last 32 bytes up to NUL are copied from wherever they begin,
// over bytes that are there already. Short ones are two words that overlap.
#include "block.h"

    .macro  result_of_strcpy        // x0 is what it was
    .endm
    .macro  result_of_stpcpy
    add     x0, x0, x4
    .endm
    // Where x5 is what is 31 before NUL's copy.
    .macro  result_behind_strcpy
    .endm
    .macro  result_behind_stpcpy
    add     x0, x5, #31
    .endm

    // x0: to; x1: from; x4: index of NUL, at most 31.
    .macro  copy_short name
    add     x5, x1, x4
    add     x6, x0, x4
    tbnz    x4, #4, 16f
    tbnz    x4, #3, 8f
    tbnz    x4, #2, 4f
    cbz     x4, 1f
    ldrh    w2, [x1]                // index 1, 2 or 3
    strh    w2, [x0]
    ldrh    w2, [x5, #-1]
    strh    w2, [x6, #-1]
    result_of_\name
    ret
1:  strb    wzr, [x0]
    result_of_\name
    ret
4:  ldr     w2, [x1]
    ldr     w3, [x5, #-3]
    str     w2, [x0]
    str     w3, [x6, #-3]
    result_of_\name
    ret
8:  ldr     x2, [x1]
    ldr     x3, [x5, #-7]
    str     x2, [x0]
    str     x3, [x6, #-7]
    result_of_\name
    ret
16: ldr     q0, [x1]
    ldr     q1, [x5, #-15]
    str     q0, [x0]
    str     q1, [x6, #-15]
    result_of_\name
    ret
    .endm

    .macro  copy name
    prepare_syndromes
    and     x2, x1, #31
    sub     x3, x1, x2
    ldp     q0, q1, [x3]            // the block in which the string begins
    cmeq    v0.16b, v0.16b, #0
    cmeq    v1.16b, v1.16b, #0
    syndrome x4, 0, 1
    lsl     x5, x2, #1
    lsr     x4, x4, x5
    cbnz    x4, 30f
    add     x3, x3, #32
    ldp     q0, q1, [x3]
    sub     x6, x3, x1              // how much of the string lies before it, 1 to 32
    cmeq    v2.16b, v0.16b, #0
    cmeq    v3.16b, v1.16b, #0
    syndrome x4, 2, 3
    cbnz    x4, 20f
    ldp     q2, q3, [x1]            // at least 32 bytes are there
    stp     q2, q3, [x0]
    add     x5, x0, x6              // where the block goes
21: stp     q0, q1, [x5], #32
    ldp     q0, q1, [x3, #32]!
    uminp   v2.16b, v0.16b, v1.16b
    uminp   v2.16b, v2.16b, v2.16b
    cmeq    v2.8b, v2.8b, #0
    fmov    x4, d2
    cbz     x4, 21b
    cmeq    v0.16b, v0.16b, #0
    cmeq    v1.16b, v1.16b, #0
    syndrome x4, 0, 1
    rbit    x4, x4
    clz     x4, x4
    lsr     x4, x4, #1
    sub     x4, x4, #31             // where the last 32 bytes begin, most often before the block
    add     x3, x3, x4
    add     x5, x5, x4
    ldp     q0, q1, [x3]
    stp     q0, q1, [x5]
    result_behind_\name
    ret

    // NUL is in the second block: up to 64 bytes.
20: rbit    x4, x4
    clz     x4, x4
    add     x4, x6, x4, lsr #1
    cmp     x4, #32
    b.lo    31f
    sub     x5, x4, #31
    add     x6, x0, x5
    add     x5, x1, x5
    ldp     q0, q1, [x1]
    ldp     q2, q3, [x5]
    stp     q0, q1, [x0]
    stp     q2, q3, [x6]
    result_of_\name
    ret
30: rbit    x4, x4
    clz     x4, x4
    lsr     x4, x4, #1
31: copy_short \name
    .endm

function strcpy
    copy    strcpy
end_function strcpy

function __stpcpy
    copy    stpcpy
end_function __stpcpy
    .hidden __stpcpy
    .weak   stpcpy
    .set    stpcpy, __stpcpy
    .section .note.GNU-stack, "", %progbits
