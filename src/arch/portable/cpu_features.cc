// SPDX-License-Identifier: BSD-2-Clause
// [arm/arm] ID_AA64ISAR0_EL1 … ID_AA64ZFR0_EL1 → Linux's hwcap bits ([linux] asm/hwcap.h).
// The allow-list: SME, MTE, PAC and BTI are not here as long as their state is not kept.
#include <drupe/arch/cpu_features.h>

namespace drupe::arch {
namespace {

struct Rule {
    std::uint64_t IdRegisters::*reg;
    std::uint8_t shift;
    std::uint8_t minimum;
    std::uint8_t bit;
};

constexpr Rule hwcap_rules[] = {
    {&IdRegisters::isar0, 4, 1, 3},   // AES → AES
    {&IdRegisters::isar0, 4, 2, 4},   // AES → PMULL
    {&IdRegisters::isar0, 8, 1, 5},   // SHA1
    {&IdRegisters::isar0, 12, 1, 6},  // SHA2
    {&IdRegisters::isar0, 16, 1, 7},  // CRC32
    {&IdRegisters::isar0, 20, 2, 8},  // Atomic → ATOMICS
    {&IdRegisters::isar0, 28, 1, 12}, // RDM → ASIMDRDM
    {&IdRegisters::isar1, 12, 1, 13}, // JSCVT
    {&IdRegisters::isar1, 16, 1, 14}, // FCMA
    {&IdRegisters::isar1, 20, 1, 15}, // LRCPC
    {&IdRegisters::isar1, 0, 1, 16},  // DPB → DCPOP
    {&IdRegisters::isar0, 32, 1, 17}, // SHA3
    {&IdRegisters::isar0, 36, 1, 18}, // SM3
    {&IdRegisters::isar0, 40, 1, 19}, // SM4
    {&IdRegisters::isar0, 44, 1, 20}, // DP → ASIMDDP
    {&IdRegisters::isar0, 12, 2, 21}, // SHA2 → SHA512
    {&IdRegisters::pfr0, 32, 1, 22},  // SVE
    {&IdRegisters::isar0, 48, 1, 23}, // FHM → ASIMDFHM
    {&IdRegisters::pfr0, 48, 1, 24},  // DIT
    {&IdRegisters::mmfr2, 32, 1, 25}, // AT → USCAT
    {&IdRegisters::isar1, 20, 2, 26}, // LRCPC → ILRCPC
    {&IdRegisters::isar0, 52, 1, 27}, // TS → FLAGM
    {&IdRegisters::isar1, 36, 1, 29}, // SB
};

constexpr Rule hwcap2_rules[] = {
    {&IdRegisters::isar1, 0, 2, 0},   // DPB → DCPODP
    {&IdRegisters::zfr0, 0, 1, 1},    // SVEver → SVE2
    {&IdRegisters::zfr0, 4, 1, 2},    // AES → SVEAES
    {&IdRegisters::zfr0, 4, 2, 3},    // AES → SVEPMULL
    {&IdRegisters::zfr0, 16, 1, 4},   // BitPerm → SVEBITPERM
    {&IdRegisters::zfr0, 32, 1, 5},   // SHA3 → SVESHA3
    {&IdRegisters::zfr0, 40, 1, 6},   // SM4 → SVESM4
    {&IdRegisters::isar0, 52, 2, 7},  // TS → FLAGM2
    {&IdRegisters::isar1, 32, 1, 8},  // FRINTTS → FRINT
    {&IdRegisters::zfr0, 44, 1, 9},   // I8MM → SVEI8MM
    {&IdRegisters::zfr0, 52, 1, 10},  // F32MM → SVEF32MM
    {&IdRegisters::zfr0, 56, 1, 11},  // F64MM → SVEF64MM
    {&IdRegisters::zfr0, 20, 1, 12},  // BF16 → SVEBF16
    {&IdRegisters::isar1, 52, 1, 13}, // I8MM
    {&IdRegisters::isar1, 44, 1, 14}, // BF16
    {&IdRegisters::isar1, 48, 1, 15}, // DGH
    {&IdRegisters::isar0, 60, 1, 16}, // RNDR → RNG
};

constexpr unsigned field(std::uint64_t value, unsigned shift) { return value >> shift & 15; }

template <unsigned n>
std::uint64_t apply(const Rule (&rules)[n], const IdRegisters& id, bool sve) {
    std::uint64_t bits = 0;
    for (const Rule& rule : rules) {
        if (rule.reg == &IdRegisters::zfr0 && !sve) continue;
        if (field(id.*rule.reg, rule.shift) >= rule.minimum) bits |= std::uint64_t{1} << rule.bit;
    }
    return bits;
}

} // namespace

CpuFeatures features_from(const IdRegisters& id) {
    CpuFeatures f;
    f.sve = field(id.pfr0, 32) != 0;
    f.pan = field(id.mmfr1, 20) != 0;
    f.dit_ssbs = field(id.pfr0, 48) != 0 && field(id.pfr1, 4) != 0;
    f.rndr = field(id.isar0, 60) != 0;
    f.hwcap = apply(hwcap_rules, id, f.sve);
    f.hwcap2 = apply(hwcap2_rules, id, f.sve);
    // ID_AA64PFR0_EL1.FP and AdvSIMD count 0xf as "absent", 0 as present, 1 as with half precision.
    const unsigned fp = field(id.pfr0, 16), simd = field(id.pfr0, 20);
    if (fp != 15) f.hwcap |= 1u << 0;                // FP
    if (simd != 15) f.hwcap |= 1u << 1;              // ASIMD
    if (fp == 1) f.hwcap |= 1u << 9;                 // FPHP
    if (simd == 1) f.hwcap |= 1u << 10;              // ASIMDHP
    if (field(id.pfr1, 4) == 2) f.hwcap |= 1u << 28; // SSBS with the PSTATE field
    return f;
}

} // namespace drupe::arch
