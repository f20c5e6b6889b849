// SPDX-License-Identifier: BSD-2-Clause
// void* memmove(void* to, const void* from, size_t n)
// musl's memcpy is right for all but large copies upwards into their own source: small ones load
// everything before they store, large ones go upwards. Here are those downwards.
#include "block.h"

function memmove
    cmp     x2, #128
    b.ls    memcpy
    sub     x3, x0, x1
    cmp     x3, x2
    b.hs    memcpy
    ldp     q4, q5, [x1]            // the first 64 bytes: the loop may store over them
    ldp     q6, q7, [x1, #32]
    add     x4, x1, x2
    add     x5, x0, x2
    sub     x2, x2, #64
1:  ldp     q2, q3, [x4, #-32]
    ldp     q0, q1, [x4, #-64]!
    stp     q2, q3, [x5, #-32]
    stp     q0, q1, [x5, #-64]!
    subs    x2, x2, #64
    b.hi    1b
    stp     q4, q5, [x0]
    stp     q6, q7, [x0, #32]
    ret
end_function memmove
    .section .note.GNU-stack, "", %progbits
