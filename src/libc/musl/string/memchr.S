// SPDX-License-Identifier: BSD-2-Clause
// void* memchr(const void* s, int c, size_t n): s may be shorter than n when c is in it.
// size_t strnlen(const char* s, size_t n): how far NUL is, at most n.
#include "block.h"

    // To `hit` with x3 the block and x4 the syndrome of the first one that holds a v4 at s (x0) or
    // behind; to `none` when the n (x2) bytes are over before that. x2: the end of the bytes.
    .macro  find hit, none
    prepare_syndromes
    adds    x2, x0, x2              // at most the end of all memory
    csinv   x2, x2, xzr, cc
    and     x3, x0, #~31
    ldp     q0, q1, [x3]
    cmeq    v0.16b, v0.16b, v4.16b
    cmeq    v1.16b, v1.16b, v4.16b
    syndrome x4, 0, 1
    lsl     x5, x0, #1              // a shift takes its low six bits: two for each byte before s
    lsr     x4, x4, x5
    lsl     x4, x4, x5
    cbnz    x4, \hit
    sub     x5, x2, #32             // where the last block begins, or a little before
1:  cmp     x3, x5
    b.hs    \none
    ldp     q0, q1, [x3, #32]!
    cmeq    v2.16b, v0.16b, v4.16b
    cmeq    v3.16b, v1.16b, v4.16b
    any_in  x4, 2, 3
    cbz     x4, 1b
    syndrome x4, 2, 3
    .endm

function memchr
    cbz     x2, 3f
    dup     v4.16b, w1
    find    2f, 3f
2:  first_byte x0, x3, x4
    cmp     x0, x2
    csel    x0, x0, xzr, lo
    ret
3:  mov     x0, #0
    ret
end_function memchr

function strnlen
    mov     x6, x1
    cbz     x1, 3f
    mov     x2, x1
    movi    v4.16b, #0
    find    2f, 3f
2:  first_byte x3, x3, x4
    sub     x0, x3, x0
    cmp     x0, x6
    csel    x0, x0, x6, lo
    ret
3:  mov     x0, x6
    ret
end_function strnlen
    .section .note.GNU-stack, "", %progbits
