// SPDX-License-Identifier: BSD-2-Clause
// The virtual counter and timer (CNTV). [arm/arm] "The Generic Timer in AArch64 state".
#pragma once

#include <cstdint>

namespace drupe::arch {

inline std::uint64_t ticks() {
    std::uint64_t value;
    // ISB: the counter may otherwise be read ahead of earlier instructions.
    asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}
inline std::uint64_t ticks_per_second() {
    std::uint64_t value;
    asm("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}
inline void timer_arm(std::uint64_t deadline) {
    asm volatile("msr cntv_cval_el0, %0\n\tmsr cntv_ctl_el0, %1\n\tisb" ::"r"(deadline),
                 "r"(std::uint64_t{1})); // ENABLE, not IMASK
}
inline void timer_disarm() { asm volatile("msr cntv_ctl_el0, xzr\n\tisb"); }

} // namespace drupe::arch
