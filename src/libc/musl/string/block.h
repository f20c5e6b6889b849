// SPDX-License-Identifier: BSD-2-Clause
// What the functions that look for a byte share. They read aligned blocks of 32 bytes into v0 and v1.
// Such a block reaches beyond the bytes they were given, but never into another page. A syndrome of
// two vectors, whose bytes are 0 or 0xff, is 64 bits: bit 2n is set when byte n of the 32 is not 0.

    .macro  function name
    .text
    .balign 64
    .globl  \name
    .type   \name, %function
\name:
    .cfi_startproc
    .endm

    .macro  end_function name
    .cfi_endproc
    .size   \name, . - \name
    .endm

    // v5: which bit stands for a byte among four. x9 is lost.
    .macro  prepare_syndromes
    mov     w9, #0x0401
    movk    w9, #0x4010, lsl #16
    dup     v5.4s, w9
    .endm

    // `to`: the syndrome of v`low` and v`high`, which are lost.
    .macro  syndrome to, low, high
    and     v\low\().16b, v\low\().16b, v5.16b
    and     v\high\().16b, v\high\().16b, v5.16b
    addp    v\low\().16b, v\low\().16b, v\high\().16b
    addp    v\low\().16b, v\low\().16b, v\low\().16b
    fmov    \to, d\low
    .endm

    // `to`: not 0 when any byte of v`low` or v`high` is. v6 is lost.
    .macro  any_in to, low, high
    orr     v6.16b, v\low\().16b, v\high\().16b
    umaxp   v6.16b, v6.16b, v6.16b
    fmov    \to, d6
    .endm

    // `at`: the address of the first byte of `syndrome` in the block at `block`.
    .macro  first_byte at, block, syndrome
    rbit    \syndrome, \syndrome
    clz     \syndrome, \syndrome
    add     \at, \block, \syndrome, lsr #1
    .endm
