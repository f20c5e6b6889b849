// SPDX-License-Identifier: BSD-2-Clause
// The registers are spelled by encoding: the assembler knows their names only with an extension
// that the kernel is not compiled for.
#pragma once

#include <cstdint>

namespace drupe::arch {

inline std::uint64_t gic_affinity() { // MPIDR_EL1
    std::uint64_t mpidr;
    asm("mrs %0, mpidr_el1" : "=r"(mpidr));
    return mpidr & 0xff'00ff'ffff;
}
inline bool gic_enable_system_registers() {
    std::uint64_t sre; // ICC_SRE_EL1: SRE, DFB, DIB
    asm volatile("mrs %0, s3_0_c12_c12_5" : "=r"(sre));
    asm volatile("msr s3_0_c12_c12_5, %1\n\tisb\n\tmrs %0, s3_0_c12_c12_5"
                 : "=r"(sre)
                 : "r"(sre | 7));
    return (sre & 1) != 0;
}
inline void gic_enable_group1() {
    std::uint64_t control; // ICC_CTLR_EL1: EOImode (bit 1) = 0, CBPR (bit 0) = 0
    asm volatile("mrs %0, s3_0_c12_c12_4" : "=r"(control));
    asm volatile("msr s3_0_c12_c12_4, %0" ::"r"(control & ~std::uint64_t{3}));
    asm volatile("msr s3_0_c4_c6_0, %0" ::"r"(std::uint64_t{0xff})); // ICC_PMR_EL1
    asm volatile("msr s3_0_c12_c12_3, xzr");                         // ICC_BPR1_EL1
    asm volatile("msr s3_0_c12_c12_7, %0\n\tisb" ::"r"(std::uint64_t{1}) : "memory"); // IGRPEN1
}
inline std::uint32_t gic_acknowledge() {
    std::uint64_t id; // ICC_IAR1_EL1
    // The DSB makes the acknowledgement complete before the device is touched ([arm/gic] "Effects
    // of reads of ICC_IAR1_EL1").
    asm volatile("mrs %0, s3_0_c12_c12_0\n\tdsb sy" : "=r"(id)::"memory");
    return static_cast<std::uint32_t>(id & 0xffffff);
}
inline void gic_end(std::uint32_t intid) { // ICC_EOIR1_EL1
    asm volatile("msr s3_0_c12_c12_1, %0\n\tisb" ::"r"(std::uint64_t{intid}) : "memory");
}
inline void gic_send_sgi(std::uint64_t value) { // ICC_SGI1R_EL1
    asm volatile("dsb ishst\n\tmsr s3_0_c12_c11_5, %0\n\tisb" ::"r"(value) : "memory");
}

} // namespace drupe::arch
