// SPDX-License-Identifier: BSD-2-Clause
// int strncmp(const char* a, const char* b, size_t n) and int strcmp(const char* a, const char* b)
// 16 bytes at a time. a is brought to addresses where 16 bytes never cross a page; for b the bytes
// up to the next page are counted, and where fewer than 16 are left, single bytes are compared.
#include "block.h"

    // x4: four bits for each byte of v0 that is NUL or not the one of v1; the first counts.
    .macro  differences
    cmeq    v2.16b, v0.16b, v1.16b
    and     v2.16b, v2.16b, v0.16b
    cmeq    v2.16b, v2.16b, #0
    shrn    v2.8b, v2.8h, #4
    fmov    x4, d2
    .endm

function strcmp
    mov     x2, #-1
    b       strncmp
end_function strcmp

function strncmp
    cbz     x2, 6f
    mov     w5, #4096 - 16
    and     x3, x0, #4095
    and     x4, x1, #4095
    cmp     x3, x5
    ccmp    x4, x5, #2, ls
    b.hi    4f
    ldr     q0, [x0]
    ldr     q1, [x1]
    differences
    cbnz    x4, 3f
    and     x3, x0, #15
    sub     x0, x0, x3
    sub     x1, x1, x3
    adds    x2, x2, x3
    csinv   x2, x2, xzr, cc         // at most all memory
    subs    x2, x2, #16
    b.ls    6f
    // x0, x1: 16 below what comes next; x2: bytes left; x6: bytes of b up to the next page.
1:  add     x6, x1, #16
    and     x6, x6, #4095
    mov     w7, #4096
    sub     x6, x7, x6
2:  subs    x6, x6, #16
    b.lo    5f
    ldr     q0, [x0, #16]!
    ldr     q1, [x1, #16]!
    differences
    cbnz    x4, 3f
    subs    x2, x2, #16
    b.hi    2b
    mov     w0, #0
    ret

3:  rbit    x4, x4
    clz     x4, x4
    lsr     x4, x4, #2
    cmp     x4, x2
    b.hs    6f
    ldrb    w2, [x0, x4]
    ldrb    w3, [x1, x4]
    sub     w0, w2, w3
    ret

5:  add     x0, x0, #16
    add     x1, x1, #16
4:  ldrb    w3, [x0], #1            // single bytes, until a is at a multiple of 16
    ldrb    w4, [x1], #1
    cmp     w3, #0
    ccmp    w3, w4, #0, ne
    b.ne    7f
    subs    x2, x2, #1
    b.eq    6f
    tst     x0, #15
    b.ne    4b
    sub     x0, x0, #16
    sub     x1, x1, #16
    b       1b
6:  mov     w0, #0
    ret
7:  sub     w0, w3, w4
    ret
end_function strncmp
    .section .note.GNU-stack, "", %progbits
