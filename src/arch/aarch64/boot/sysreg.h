// SPDX-License-Identifier: BSD-2-Clause
// Values of system registers at boot, for assembly. [arm/arm], each under its register's name.
#pragma once

#include <drupe/arch/aarch64/memory_layout.h>

/* Registers older assemblers do not name. */
#define ICC_SRE_EL2 S3_4_C12_C9_5
#define ICH_HCR_EL2 S3_4_C12_C11_0
#define ZCR_EL2 S3_4_C1_C2_0
#define ZCR_EL1 S3_0_C1_C2_0
#define HFGRTR_EL2 S3_4_C1_C1_4
#define HFGWTR_EL2 S3_4_C1_C1_5
#define HFGITR_EL2 S3_4_C1_C1_6
#define HDFGRTR_EL2 S3_4_C3_C1_4
#define HDFGWTR_EL2 S3_4_C3_C1_5

/* SCTLR_EL1: RES1 of Armv8.0 = LSMAOE nTLSMD SPAN EIS TSCXT EOS. SPAN stays 1 here; with PAN in use
   the CPU feature code clears it. WXN is 0: at EL1t writable code must be possible when asked for.
 */
#define SCTLR_MMU_OFF 0x30d00800
/* M C SA SA0 I DZE UCT nTWI nTWE UCI */
#define SCTLR_VALUE                                                                                \
    (SCTLR_MMU_OFF | 1 | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 12) | (1 << 14) | (1 << 15) |      \
     (1 << 16) | (1 << 18) | (1 << 26))

/* CPACR_EL1.FPEN = 0b11; ZEN = 0b00 traps SVE at EL1 and EL0. */
#define CPACR_FPEN (3 << 20)

/* TCR_EL1: T0SZ = T1SZ = 16 (48 bits), walks write-back inner shareable, 4 KiB granules, TBI0. */
#define TCR_VALUE                                                                                  \
    (16 | (16 << 16) | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 24) | (1 << 26) | (3 << 28) |      \
     (2 << 30) | (1 << 37))

/* MPIDR_EL1: Aff3, Aff2, Aff1, Aff0. */
#define MPIDR_AFFINITY 0xff00ffffff

/* HCR_EL2: RW (EL1 is AArch64), APK, API (no trap of pointer authentication). */
#define HCR_VALUE ((1 << 31) | (3 << 40))
