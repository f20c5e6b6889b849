// SPDX-License-Identifier: BSD-2-Clause
// What this CPU can do, read from its ID registers once at boot. At EL1 those registers read raw,
// so what programs learn of is an allow-list: a feature the kernel keeps the state of and has
// enabled.
#pragma once

#include <cstdint>

namespace drupe::arch {

struct CpuFeatures {
    bool sve = false;
    bool pan = false;
    bool dit_ssbs = false; // PSTATE.DIT and PSTATE.SSBS both exist
    bool rndr = false;
    std::uint64_t hwcap = 0;  // AT_HWCAP, Linux's bits
    std::uint64_t hwcap2 = 0; // AT_HWCAP2
};

/// Reads the ID registers. Once, before any program runs.
void detect_cpu_features();
const CpuFeatures& cpu_features();

/// The ID registers' fields → features; pure, for tests.
struct IdRegisters {
    std::uint64_t isar0, isar1, pfr0, pfr1, mmfr0, mmfr1, mmfr2, zfr0;
};
CpuFeatures features_from(const IdRegisters& id);

} // namespace drupe::arch
