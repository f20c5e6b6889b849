// SPDX-License-Identifier: BSD-2-Clause
// Interrupt masking on AArch64: PSTATE.I and PSTATE.F together ([arm/arm] "DAIF"). F too, because a
// group of interrupts that arrives as FIQ would otherwise break through a masked section.
#pragma once

#include <cstdint>

namespace drupe::arch {

struct IrqState {
    std::uint64_t daif;
};

inline void irq_disable() { asm volatile("msr daifset, #3" ::: "memory"); }
inline void irq_enable() { asm volatile("msr daifclr, #3" ::: "memory"); }
inline IrqState irq_save() {
    IrqState state;
    asm volatile("mrs %0, daif\n\tmsr daifset, #3" : "=r"(state.daif)::"memory");
    return state;
}
inline void irq_restore(IrqState state) {
    asm volatile("msr daif, %0" ::"r"(state.daif) : "memory");
}
inline bool irqs_enabled() {
    std::uint64_t daif;
    asm volatile("mrs %0, daif" : "=r"(daif)::"memory");
    return (daif & 1u << 7) == 0; // DAIF.I
}

} // namespace drupe::arch
