// SPDX-License-Identifier: BSD-2-Clause
// char* __strchrnul(const char* s, int c): the first c, or the end of s. strchr is made of it.
#include "block.h"

    // v`to`: the bytes of v`from` that are c or NUL. What equals c becomes 0xff, which no byte
    // exceeds; all else 0, which only NUL does not exceed.
    .macro  c_or_nul to, from
    cmeq    v\to\().16b, v\from\().16b, v4.16b
    cmhs    v\to\().16b, v\to\().16b, v\from\().16b
    .endm

function __strchrnul
    dup     v4.16b, w1
    prepare_syndromes
    and     x2, x0, #~31
    ldp     q0, q1, [x2]
    c_or_nul 2, 0
    c_or_nul 3, 1
    syndrome x3, 2, 3
    lsl     x4, x0, #1              // a shift takes its low six bits: two for each byte before s
    lsr     x3, x3, x4
    cbz     x3, 1f
    first_byte x0, x0, x3
    ret
1:  ldp     q0, q1, [x2, #32]!
    c_or_nul 2, 0
    c_or_nul 3, 1
    any_in  x3, 2, 3
    cbz     x3, 1b
    syndrome x3, 2, 3
    first_byte x0, x2, x3
    ret
end_function __strchrnul
    .hidden __strchrnul
    .weak   strchrnul
    .set    strchrnul, __strchrnul
    .section .note.GNU-stack, "", %progbits
