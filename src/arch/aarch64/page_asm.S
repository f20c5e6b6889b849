// SPDX-License-Identifier: BSD-2-Clause
// Whole pages. [arm/arm] "DC ZVA": the block size comes from DCZID_EL0; DZP = 1 forbids it.
    .text
    .globl zero_page_asm, copy_page_asm
zero_page_asm:                  // x0 = page
    mrs     x1, dczid_el0
    tbnz    w1, #4, 2f
    mov     x2, #4
    lsl     x1, x2, x1          // bytes of a block
    add     x3, x0, #4096
    add     x4, x1, x1
    add     x5, x4, x1
1:  dc      zva, x0
    add     x6, x0, x1
    dc      zva, x6
    add     x6, x0, x4
    dc      zva, x6
    add     x6, x0, x5
    dc      zva, x6
    add     x0, x0, x1, lsl #2
    cmp     x0, x3
    b.lo    1b
    ret
2:  add     x3, x0, #4096
3:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    cmp     x0, x3
    b.lo    3b
    ret

copy_page_asm:                  // x0 = to, x1 = from
    add     x2, x0, #4096
1:  ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
    ldp     x7, x8, [x1, #32]
    ldp     x9, x10, [x1, #48]
    ldp     x11, x12, [x1, #64]
    ldp     x13, x14, [x1, #80]
    ldp     x15, x16, [x1, #96]
    ldp     x17, x18, [x1, #112]
    stp     x3, x4, [x0]
    stp     x5, x6, [x0, #16]
    stp     x7, x8, [x0, #32]
    stp     x9, x10, [x0, #48]
    stp     x11, x12, [x0, #64]
    stp     x13, x14, [x0, #80]
    stp     x15, x16, [x0, #96]
    stp     x17, x18, [x0, #112]
    add     x1, x1, #128
    add     x0, x0, #128
    cmp     x0, x2
    b.lo    1b
    ret
