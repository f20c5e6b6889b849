// SPDX-License-Identifier: BSD-2-Clause
// An arm64 Image that carries another one and leaves the other CPUs where boards without PSCI leave
// them: in a loop of the firmware's, each until its release address holds where to go
// ([linux] booting.rst). cpus_test.py fills in the quads and appends the image. x0 = device tree.
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
pen:
    .quad   0                       // the firmware's own page: the loop, then the release addresses
cpus:
    .quad   0
1:  mov     x20, x0
    ldr     x21, pen
    adr     x1, spin
    mov     x2, x21
    adr     x3, spin_end
2:  ldr     x4, [x1], #8
    str     x4, [x2], #8
    cmp     x1, x3
    b.lo    2b
    dsb     sy
    ic      iallu
    dsb     sy
    isb
    mov     x22, #1
3:  ldr     x3, cpus
    cmp     x22, x3
    b.hs    4f
    ldr     x0, =0xc4000003         // PSCI CPU_ON
    mov     x1, x22
    mov     x2, x21
    mov     x3, xzr
    hvc     #0
    add     x22, x22, #1
    b       3b
4:  adr     x1, payload
    ldr     x2, target
    ldr     x3, bytes
    mov     x4, x2
    add     x5, x1, x3
5:  ldp     x6, x7, [x1], #16
    stp     x6, x7, [x4], #16
    cmp     x1, x5
    b.lo    5b
    dsb     sy
    ic      iallu
    dsb     sy
    isb
    mov     x0, x20
    mov     x1, xzr
    mov     x3, xzr
    br      x2
    .balign 8
spin:                               // at the start of its page
    mrs     x4, mpidr_el1
    and     x4, x4, #0xff
    adr     x5, spin
    add     x5, x5, #0x800
6:  wfe
    ldr     x6, [x5, x4, lsl #3]
    cbz     x6, 6b
    mov     x0, xzr
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    br      x6
    .balign 8
spin_end:
    .ltorg
    .balign 4096
payload:
