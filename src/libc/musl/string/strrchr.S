// SPDX-License-Identifier: BSD-2-Clause
// char* strrchr(const char* s, int c): the last c of s.
#include "block.h"

    // v`to`: the bytes of v`from` that are c or NUL, as in strchrnul.S.
    .macro  c_or_nul to, from
    cmeq    v\to\().16b, v\from\().16b, v4.16b
    cmhs    v\to\().16b, v\to\().16b, v\from\().16b
    .endm

    // x3: where NUL is in v0 and v1, which are lost.
    .macro  nul_syndrome
    cmeq    v0.16b, v0.16b, #0
    cmeq    v1.16b, v1.16b, #0
    syndrome x3, 0, 1
    .endm

function strrchr
    dup     v4.16b, w1
    prepare_syndromes
    mov     x5, #0                  // the last block that holds c, none yet; x6: its syndrome
    and     x2, x0, #~31
    ldp     q0, q1, [x2]
    c_or_nul 2, 0
    c_or_nul 3, 1
    syndrome x4, 2, 3
    lsl     x7, x0, #1              // a shift takes its low six bits: two for each byte before s
    lsr     x4, x4, x7
    cbz     x4, 1f
    lsl     x4, x4, x7
    nul_syndrome
    lsr     x3, x3, x7
    lsl     x3, x3, x7
    b       2f

1:  ldp     q0, q1, [x2, #32]!
    c_or_nul 2, 0
    c_or_nul 3, 1
    any_in  x4, 2, 3
    cbz     x4, 1b
    syndrome x4, 2, 3
    nul_syndrome
2:  sub     x7, x3, #1              // below the first NUL all that was found is c
    bic     x7, x7, x3
    ands    x4, x4, x7
    csel    x5, x2, x5, ne
    csel    x6, x4, x6, ne
    cbz     x3, 1b

    cbz     x5, 3f
    clz     x6, x6                  // of the last one: an odd number, two for each byte behind it
    mov     x7, #63
    sub     x6, x7, x6
    add     x0, x5, x6, lsr #1
    ret
3:  mov     x0, #0
    tst     w1, #255                // c may be NUL itself
    b.ne    4f
    first_byte x0, x2, x3
4:  ret
end_function strrchr
    .section .note.GNU-stack, "", %progbits
