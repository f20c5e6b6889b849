// SPDX-License-Identifier: BSD-2-Clause
// int memcmp(const void* a, const void* b, size_t n)
// 32 bytes at a time; what is left at the end is compared together with bytes before it, which are
// equal.
#include "block.h"

    // x0, x1: 32 bytes of each. v0, v1: where they differ. x5: not 0 when they do.
    .macro  compare_32
    ldp     q0, q1, [x0], #32
    ldp     q2, q3, [x1], #32
    eor     v0.16b, v0.16b, v2.16b
    eor     v1.16b, v1.16b, v3.16b
    any_in  x5, 0, 1
    .endm

function memcmp
    subs    x2, x2, #32
    b.lo    3f
1:  compare_32
    subs    x2, x2, #32
    ccmp    x5, #0, #0, hs
    b.eq    1b
    cbnz    x5, 2f
    adds    x3, x2, #32             // bytes left
    b.eq    5f
    add     x0, x0, x2
    add     x1, x1, x2
    compare_32
    cbz     x5, 5f
2:  sub     x0, x0, #32
    sub     x1, x1, #32
    prepare_syndromes
    cmtst   v0.16b, v0.16b, v0.16b
    cmtst   v1.16b, v1.16b, v1.16b
    syndrome x4, 0, 1
    rbit    x4, x4
    clz     x4, x4
    lsr     x4, x4, #1
    ldrb    w2, [x0, x4]
    ldrb    w3, [x1, x4]
    sub     w0, w2, w3
    ret

    // Fewer than 32: two words of each that overlap. x4, x5 go first in memory.
3:  add     x2, x2, #32
    cmp     x2, #16
    b.lo    4f
    ldp     x4, x6, [x0]
    ldp     x5, x7, [x1]
    cmp     x4, x5
    b.ne    7f
    cmp     x6, x7
    b.ne    6f
    sub     x2, x2, #16
    add     x0, x0, x2
    add     x1, x1, x2
    ldp     x4, x6, [x0]
    ldp     x5, x7, [x1]
    b       8f
4:  sub     x3, x2, #8
    tbz     x2, #3, 9f
    ldr     x4, [x0]
    ldr     x5, [x1]
    ldr     x6, [x0, x3]
    ldr     x7, [x1, x3]
8:  cmp     x4, x5
    b.ne    7f
    cmp     x6, x7
    b.ne    6f
5:  mov     w0, #0
    ret
6:  mov     x4, x6
    mov     x5, x7
7:  rev     x4, x4                  // the first byte in memory is the highest of a number
    rev     x5, x5
    cmp     x4, x5
    cset    w0, ne
    cneg    w0, w0, lo
    ret
9:  sub     x3, x2, #4
    tbz     x2, #2, 10f
    ldr     w4, [x0]
    ldr     w5, [x1]
    ldr     w6, [x0, x3]
    ldr     w7, [x1, x3]
    b       8b
10: cbz     x2, 5b
    ldrb    w4, [x0], #1
    ldrb    w5, [x1], #1
    sub     x2, x2, #1
    subs    w4, w4, w5
    b.eq    10b
    mov     w0, w4
    ret
end_function memcmp
    .section .note.GNU-stack, "", %progbits
