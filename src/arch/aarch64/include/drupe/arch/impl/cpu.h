// SPDX-License-Identifier: BSD-2-Clause
// The AArch64 CPU. The thread pointer lives in TPIDR_EL1, where the compiler's stack protector
// also looks for its guard (-mstack-protector-guard-reg=tpidr_el1).
#pragma once

#include <cstdint>

namespace drupe::arch {

inline void cpu_relax() { asm volatile("yield" ::: "memory"); }
/// [arm/arm] "WFI": a pending interrupt ends it even while PSTATE.I masks it. The DSB lets stores
/// to devices and to shared memory reach their observers before this CPU sleeps.
inline void cpu_wait_for_interrupt() { asm volatile("dsb sy\n\twfi" ::: "memory"); }
/// [arm/arm] "SEV": CPUs in WFE go on. The DSB lets what they look for reach them first.
inline void cpu_send_event() { asm volatile("dsb sy\n\tsev" ::: "memory"); }
[[noreturn]] inline void cpu_halt() {
    asm volatile("msr daifset, #15" ::: "memory");
    for (;;) asm volatile("wfi" ::: "memory");
}

/// [arm/arm] "RNDR": Z is set when there was no number in time.
inline bool hardware_random(std::uint64_t& value) {
    std::uint32_t is_good;
    asm volatile("mrs %0, s3_3_c2_c4_0\n\tcset %w1, ne" : "=r"(value), "=r"(is_good)::"cc");
    return is_good != 0;
}

inline constexpr bool has_thread_from_start = true; // head.S
inline void* thread_pointer() {
    // Not volatile asm: the compiler may fold repeated reads of one function, which is right as
    // long as a function keeps running on behalf of one thread.
    void* p;
    asm("mrs %0, tpidr_el1" : "=r"(p));
    return p;
}
inline void set_thread_pointer(void* p) { asm volatile("msr tpidr_el1, %0" ::"r"(p) : "memory"); }

} // namespace drupe::arch
