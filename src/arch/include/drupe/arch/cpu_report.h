// SPDX-License-Identifier: BSD-2-Clause
// What /proc/cpuinfo says of a CPU below its number, in the form Linux has on this architecture.
#pragma once

#include <drupe/base/format.h>

#include <cstdint>

namespace drupe::arch {

/// Of the CPU this runs on; any context.
void write_cpu_report(FormatSink& out);

/// The same of an AArch64 CPU with these properties; pure, for tests. `midr` is MIDR_EL1,
/// `hwcap` and `hwcap2` as AT_HWCAP and AT_HWCAP2 have them.
struct CpuProperties {
    std::uint64_t midr, hwcap, hwcap2;
    std::uint64_t ticks_per_second; // of the counter
};
void write_cpu_properties(FormatSink& out, const CpuProperties& cpu);

} // namespace drupe::arch
