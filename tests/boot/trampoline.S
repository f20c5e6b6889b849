// SPDX-License-Identifier: BSD-2-Clause
// An arm64 Image that carries another one: copies it to the address in `target` and starts it there,
// as a boot loader with its own ideas would. trampoline.py fills in `target` and `bytes` and appends
// the image. x0 = device tree, passed on.
    .section .text
    .globl _start
_start:
    b       1f
    .long   0
    .quad   0x80000                 // text_offset
    .quad   0x8000000               // image_size: keep everything else away
    .quad   0xa
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
target:
    .quad   0
bytes:
    .quad   0
1:  adr     x1, payload
    ldr     x2, target
    ldr     x3, bytes
    mov     x4, x2
    add     x5, x1, x3
2:  ldp     x6, x7, [x1], #16
    stp     x6, x7, [x4], #16
    cmp     x1, x5
    b.lo    2b
    dsb     sy
    ic      iallu
    dsb     sy
    isb
    mov     x1, xzr
    mov     x3, xzr
    br      x2
    .balign 4096
payload:
