// SPDX-License-Identifier: BSD-2-Clause
// Where the machine starts: the Image header, the way from EL2 to EL1, the switch into the kernel's
// addresses. Runs at any 4 KiB-aligned physical address with the MMU off, touches nothing but the
// image, and knows nothing of the board.
//
// [linux] Documentation/arm64/booting.rst: x0 = physical address of the device tree, MMU off.

#include "../asm_offsets.h"
#include "sysreg.h"

    .section .head, "ax"
    .globl drupe_image_start
drupe_image_start:
    b       primary_entry               // code0
    .long   0                           // code1
    .quad   0x80000                     // text_offset (docs/decisions/0001)
    .quad   drupe_image_size            // image_size, from the linker script
    .quad   0xa                         // flags: little endian, 4 KiB pages, any 2 MiB base
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
appendix_bytes:
    .quad   0                           // set by mkimage when zeroed data is not in the file

primary_entry:
    mov     x20, x0                     // device tree
    mrs     x21, CurrentEL
    bl      make_room_for_zeros
    bl      drop_to_el1
    bl      reset_el1_state
    adrp    x0, boot_stack_end
    mov     sp, x0
    adrp    x0, drupe_image_start
    mov     x1, x20
    bl      boot_build_tables           // MMU off, position independent by construction
    adrp    x0, boot_idmap_l0
    adrp    x1, boot_kernel_l0
    ldr     x2, =primary_virtual
    b       enable_mmu

primary_virtual:
    ldr     x0, =vectors
    msr     vbar_el1, x0
    ldr     x0, =drupe_boot_thread
    ldr     x1, =drupe_boot_cpu_core
    str     x1, [x0, #THREAD_CPU]
    msr     tpidr_el1, x0
    ldr     x0, =BOOT_STACK_TOP_VA
    mov     sp, x0
    mov     x29, xzr
    mov     x30, xzr
    adrp    x1, drupe_image_start
    at      s1e1r, x1                   // where the image lies: what its own mapping says
    isb
    mrs     x1, par_el1
    and     x1, x1, #0x0000fffffffff000 // PAR_EL1.PA
    lsr     x2, x21, #2                 // exception level of entry
    stp     x2, xzr, [sp, #-16]!
    stp     x20, x1, [sp, #-16]!        // arch::BootInfo
    mov     x0, sp
    bl      kernel_main
    b       .

// In a file without the zeroed data the appendix lies where that belongs: it moves up behind it.
// MMU off, so lines that a cache may still hold of these places are dropped: [arm/arm] "DC IVAC".
make_room_for_zeros:
    adrp    x1, drupe_zeros_begin
    add     x1, x1, :lo12:drupe_zeros_begin
    adrp    x2, drupe_image_end         // on a page
    adr     x3, appendix_bytes
    ldr     x3, [x3]
    cbz     x3, 9f
    add     x4, x1, x3                  // from, and below it to: the end first
    add     x5, x2, x3
    mov     x8, x5
1:  ldp     x6, x7, [x4, #-16]!
    stp     x6, x7, [x5, #-16]!
    cmp     x4, x1
    b.hi    1b
    mov     x4, x1
2:  stp     xzr, xzr, [x4]
    stp     xzr, xzr, [x4, #16]
    stp     xzr, xzr, [x4, #32]
    stp     xzr, xzr, [x4, #48]
    add     x4, x4, #64
    cmp     x4, x2
    b.lo    2b
    dmb     sy
    mrs     x5, ctr_el0
    ubfx    x5, x5, #16, #4             // CTR_EL0.DminLine: log2 of words
    mov     x6, #4
    lsl     x5, x6, x5
3:  dc      ivac, x1
    add     x1, x1, x5
    cmp     x1, x8
    b.lo    3b
    dsb     sy
9:  ret

// A further CPU, as firmware or a spin table starts it: MMU off, registers unknown. Which one it is
// its MPIDR tells; what it runs on lies ready under that number (secondary.cc).
    .globl drupe_secondary_entry
drupe_secondary_entry:
    bl      drop_to_el1
    bl      reset_el1_state
    adrp    x0, boot_idmap_l0
    adrp    x1, boot_kernel_l0
    ldr     x2, =secondary_virtual
    b       enable_mmu

secondary_virtual:
    ldr     x0, =vectors
    msr     vbar_el1, x0
    mrs     x0, mpidr_el1
    ldr     x1, =MPIDR_AFFINITY
    and     x0, x0, x1
    ldr     x1, =drupe_secondaries
    mov     x2, #DRUPE_MAX_CPUS
1:  ldp     x3, x4, [x1], #16           // its affinity, its idle thread
    cmp     x3, x0
    b.ne    2f
    cbnz    x4, 3f
2:  subs    x2, x2, #1
    b.ne    1b
    b       .                           // nobody called for it
3:  msr     tpidr_el1, x4
    ldr     x0, [x4, #THREAD_STACK_TOP]
    mov     sp, x0
    mov     x29, xzr
    mov     x30, xzr
    bl      drupe_secondary_main
    b       .

// Translation on: x0 = TTBR0 (identity), x1 = TTBR1, x2 = where to go on.
enable_mmu:
    ldr     x3, =MAIR_VALUE
    msr     mair_el1, x3
    ldr     x3, =TCR_VALUE
    mrs     x4, id_aa64mmfr0_el1
    and     x5, x4, #0xf                // PARange
    cmp     x5, #5                      // 48 bits: more needs LPA2 descriptors
    mov     x6, #5
    csel    x5, x5, x6, ls
    bfi     x3, x5, #32, #3             // TCR_EL1.IPS
    ubfx    x5, x4, #4, #4              // ASIDBits: 2 = 16 bits
    cmp     x5, #2
    cset    x5, eq
    bfi     x3, x5, #36, #1             // TCR_EL1.AS
    msr     tcr_el1, x3
    msr     ttbr0_el1, x0
    msr     ttbr1_el1, x1
    tlbi    vmalle1
    dsb     nsh
    ic      iallu
    dsb     nsh
    isb
    ldr     x3, =SCTLR_VALUE
    msr     sctlr_el1, x3
    isb
    br      x2

// Registers whose reset value nobody promises. Written whole, never modified.
reset_el1_state:
    msr     daifset, #0xf
    ldr     x0, =SCTLR_MMU_OFF
    msr     sctlr_el1, x0
    mov     x0, #CPACR_FPEN             // FP for programs; SVE traps until first used
    msr     cpacr_el1, x0
    mov     x0, #2                      // CNTKCTL_EL1.EL0VCTEN: programs read the virtual counter
    msr     cntkctl_el1, x0
    msr     mdscr_el1, xzr
    msr     tpidr_el0, xzr
    msr     spsel, #1
    isb
    ret

// EL2 -> EL1 with nothing trapped. Stays when already at EL1.
drop_to_el1:
    mrs     x0, CurrentEL
    cmp     x0, #(2 << 2)
    b.ne    9f
    ldr     x0, =HCR_VALUE
    msr     hcr_el2, x0
    mov     x0, #3                      // CNTHCTL_EL2: EL1 reads the physical counter and timer
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, #0x32ff                 // CPTR_EL2: RES1, no trap of FP, SVE; SME traps
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mrs     x1, id_aa64dfr0_el1         // PMUVer: MDCR_EL2.HPMN = all counters for EL1
    ubfx    x1, x1, #8, #4
    sub     x2, x1, #1
    cmp     x2, #0xe                    // 0 none, 0xf not the architecture's
    mov     x0, xzr
    b.hs    1f
    mrs     x0, pmcr_el0
    ubfx    x0, x0, #11, #5
1:  msr     mdcr_el2, x0
    mrs     x1, id_aa64pfr0_el1
    ubfx    x2, x1, #24, #4             // GIC system registers exist
    cbz     x2, 2f
    mov     x0, #0xf                    // ICC_SRE_EL2: SRE, DFB, DIB, Enable
    msr     ICC_SRE_EL2, x0
    isb
    msr     ICH_HCR_EL2, xzr
2:  ubfx    x2, x1, #32, #4             // SVE
    cbz     x2, 3f
    mov     x0, #0x1ff
    msr     ZCR_EL2, x0                 // every vector length for EL1
3:  mrs     x1, id_aa64mmfr0_el1
    ubfx    x2, x1, #56, #4             // FGT: reset values are unknown
    cbz     x2, 4f
    msr     HFGRTR_EL2, xzr
    msr     HFGWTR_EL2, xzr
    msr     HFGITR_EL2, xzr
    msr     HDFGRTR_EL2, xzr
    msr     HDFGWTR_EL2, xzr
4:  mov     x0, #0x3c5                  // SPSR: EL1h, DAIF masked
    msr     spsr_el2, x0
    msr     elr_el2, x30
    eret
9:  ret
