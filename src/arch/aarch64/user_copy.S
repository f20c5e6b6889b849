// SPDX-License-Identifier: BSD-2-Clause
// Copies between the kernel and a program's memory. A fault that cannot be repaired continues at the
// routine's fixup (table at the end), which finishes byte by byte and so knows the exact prefix.
// Blocks move through general registers: FP belongs to the program.

    .macro fixup from, to, at
    .pushsection .rodata.fixups, "a"
    .quad   \from, \to, \at
    .popsection
    .endm

    .text
    // x0 = to, x1 = from, x2 = bytes; returns the bytes not copied.
    .macro copy_routine name
    .globl  \name
\name:
.L\name\()_begin:
    cmp     x2, #128
    b.lo    8f
    // The pointers move only once for a block: a fault inside it begins the block again.
9:  ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
    ldp     x7, x8, [x1, #32]
    ldp     x9, x10, [x1, #48]
    stp     x3, x4, [x0]
    stp     x5, x6, [x0, #16]
    stp     x7, x8, [x0, #32]
    stp     x9, x10, [x0, #48]
    ldp     x3, x4, [x1, #64]
    ldp     x5, x6, [x1, #80]
    ldp     x7, x8, [x1, #96]
    ldp     x9, x10, [x1, #112]
    stp     x3, x4, [x0, #64]
    stp     x5, x6, [x0, #80]
    stp     x7, x8, [x0, #96]
    stp     x9, x10, [x0, #112]
    add     x1, x1, #128
    add     x0, x0, #128
    sub     x2, x2, #128
    cmp     x2, #128
    b.hs    9b
8:  tbz     x2, #6, 2f
    ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
    ldp     x7, x8, [x1, #32]
    ldp     x9, x10, [x1, #48]
    stp     x3, x4, [x0]
    stp     x5, x6, [x0, #16]
    stp     x7, x8, [x0, #32]
    stp     x9, x10, [x0, #48]
    add     x1, x1, #64
    add     x0, x0, #64
    sub     x2, x2, #64
2:  tbz     x2, #5, 3f
    ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
    stp     x3, x4, [x0]
    stp     x5, x6, [x0, #16]
    add     x1, x1, #32
    add     x0, x0, #32
    sub     x2, x2, #32
3:  tbz     x2, #4, 4f
    ldp     x3, x4, [x1]
    stp     x3, x4, [x0]
    add     x1, x1, #16
    add     x0, x0, #16
    sub     x2, x2, #16
4:  tbz     x2, #3, 5f
    ldr     x3, [x1]
    str     x3, [x0]
    add     x1, x1, #8
    add     x0, x0, #8
    sub     x2, x2, #8
5:  cbz     x2, 1f
    tbz     x2, #2, 6f
    ldr     w3, [x1]
    str     w3, [x0]
    add     x1, x1, #4
    add     x0, x0, #4
    sub     x2, x2, #4
6:  tbz     x2, #1, 7f
    ldrh    w3, [x1]
    strh    w3, [x0]
    add     x1, x1, #2
    add     x0, x0, #2
    sub     x2, x2, #2
7:  tbz     x2, #0, 1f
    ldrb    w3, [x1]
    strb    w3, [x0]
1:  mov     x0, xzr
    ret
.L\name\()_bytes:
    ldrb    w3, [x1]
    strb    w3, [x0]
    add     x1, x1, #1
    add     x0, x0, #1
    sub     x2, x2, #1
    cbnz    x2, .L\name\()_bytes
    mov     x0, xzr
    ret
.L\name\()_end:
    mov     x0, x2
    ret
    fixup   .L\name\()_begin, .L\name\()_bytes, .L\name\()_bytes
    fixup   .L\name\()_bytes, .L\name\()_end, .L\name\()_end
    .endm

    copy_routine drupe_user_copy

    // x0 = to, x1 = bytes; returns the bytes not cleared.
    .globl  drupe_user_clear
drupe_user_clear:
.Lclear_begin:
    cmp     x1, #64
    b.lo    4f
1:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    sub     x1, x1, #64
    cmp     x1, #64
    b.hs    1b
4:  cmp     x1, #8
    b.lo    2f
5:  str     xzr, [x0], #8
    sub     x1, x1, #8
    cmp     x1, #8
    b.hs    5b
2:  cbz     x1, 3f
.Lclear_bytes:
    strb    wzr, [x0]
    add     x0, x0, #1
    sub     x1, x1, #1
    cbnz    x1, .Lclear_bytes
3:  mov     x0, xzr
    ret
.Lclear_end:
    mov     x0, x1
    ret
    fixup   .Lclear_begin, .Lclear_bytes, .Lclear_bytes
    fixup   .Lclear_bytes, .Lclear_end, .Lclear_end

    // x0 = to, x1 = from, x2 = capacity; returns the length, -1 no NUL, -2 fault.
    .globl  drupe_user_string
drupe_user_string:
    mov     x4, x1
    cbz     x2, 2f
.Lstring_begin:
1:  ldrb    w3, [x1], #1
    strb    w3, [x0], #1
    cbz     w3, 3f
    subs    x2, x2, #1
    b.ne    1b
2:  mov     x0, #-1
    ret
3:  sub     x0, x1, x4
    sub     x0, x0, #1
    ret
.Lstring_end:
    mov     x0, #-2
    ret
    fixup   .Lstring_begin, .Lstring_end, .Lstring_end

    // x0 = word; returns the value, or -1 (all 64 bits) on a fault.
    .globl  drupe_user_load32
drupe_user_load32:
.Lload_begin:
    ldar    w0, [x0]
    ret
.Lload_end:
    mov     x0, #-1
    ret
    fixup   .Lload_begin, .Lload_end, .Lload_end

    // x0 = word, w1 = expected, w2 = desired; returns the old value, or -1 on a fault.
    .globl  drupe_user_cas32
drupe_user_cas32:
    mov     x4, x0
.Lcas_begin:
1:  ldaxr   w0, [x4]
    cmp     w0, w1
    b.ne    2f
    stlxr   w3, w2, [x4]
    cbnz    w3, 1b
    ret
2:  clrex
    ret
.Lcas_end:
    mov     x0, #-1
    ret
    fixup   .Lcas_begin, .Lcas_end, .Lcas_end
