// SPDX-License-Identifier: BSD-2-Clause
// [arm/smccc] "SMC and HVC argument passing in AArch64": x0-x7 in, x0-x3 out; x4-x17 may be changed
// by firmware of version 1.0.
#pragma once

#include <cstdint>

namespace drupe::arch {

#define DRUPE_CONDUIT(name, instruction)                                                           \
    inline std::uint64_t name(std::uint64_t function, std::uint64_t a, std::uint64_t b,            \
                              std::uint64_t c) {                                                   \
        register std::uint64_t x0 asm("x0") = function;                                            \
        register std::uint64_t x1 asm("x1") = a;                                                   \
        register std::uint64_t x2 asm("x2") = b;                                                   \
        register std::uint64_t x3 asm("x3") = c;                                                   \
        asm volatile(instruction " #0"                                                             \
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)                                      \
                     :                                                                             \
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",      \
                       "x15", "x16", "x17", "memory");                                             \
        return x0;                                                                                 \
    }
DRUPE_CONDUIT(hypervisor_call, "hvc")
DRUPE_CONDUIT(firmware_call, "smc")
#undef DRUPE_CONDUIT

} // namespace drupe::arch
