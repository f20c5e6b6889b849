// SPDX-License-Identifier: BSD-2-Clause
// size_t strlen(const char* s)
#include "block.h"

function strlen
    prepare_syndromes
    and     x1, x0, #~31
    ldp     q0, q1, [x1]
    cmeq    v0.16b, v0.16b, #0
    cmeq    v1.16b, v1.16b, #0
    syndrome x2, 0, 1
    lsl     x3, x0, #1              // a shift takes its low six bits: two for each byte before s
    lsr     x2, x2, x3
    cbz     x2, 1f
    rbit    x2, x2
    clz     x2, x2
    lsr     x0, x2, #1
    ret

    // The smallest of four bytes is 0 when one of them is.
1:  ldp     q0, q1, [x1, #32]!
    uminp   v2.16b, v0.16b, v1.16b
    uminp   v2.16b, v2.16b, v2.16b
    cmeq    v2.8b, v2.8b, #0
    fmov    x2, d2
    cbz     x2, 1b
    cmeq    v0.16b, v0.16b, #0
    cmeq    v1.16b, v1.16b, #0
    syndrome x2, 0, 1
    first_byte x1, x1, x2
    sub     x0, x1, x0
    ret
end_function strlen
    .section .note.GNU-stack, "", %progbits
