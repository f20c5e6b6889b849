// SPDX-License-Identifier: BSD-2-Clause
// The simulated CPU has two hardware capabilities to report, and no maker.
#include <drupe/arch/elf_abi.h>

namespace drupe::arch {
std::uint64_t hwcap() { return 3; } // fp, asimd
std::uint64_t hwcap2() { return 0; }
std::uint64_t minimum_signal_stack() { return 0; }
void core_registers(const TrapFrame& frame, std::uint64_t (&to)[core_register_count]) {
    for (std::uint64_t& each : to) each = 0;
    to[31] = frame.sp();
    to[32] = frame.pc();
}

} // namespace drupe::arch
