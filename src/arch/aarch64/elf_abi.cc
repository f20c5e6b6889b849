// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/cpu_features.h>
#include <drupe/arch/elf_abi.h>

#include <algorithm>
#include <iterator>

namespace drupe::arch {
namespace {

// [linux] Documentation/arm64/signal frame: siginfo and ucontext with 4096 bytes of records, a
// frame record, alignment. It is what Linux says on a CPU without SVE.
constexpr std::uint64_t plain_frame = 4720;
// The SVE record at the longest vector the architecture has (2048 bits): header, 32 Z registers, 16
// predicates and FFR; with the record that leads to it beyond the 4096 bytes.
constexpr std::uint64_t longest_vector = 256;
constexpr std::uint64_t sve_record = 16 + 32 * longest_vector + 17 * longest_vector / 8 + 32 + 16;

} // namespace

std::uint64_t hwcap() { return cpu_features().hwcap; }
std::uint64_t hwcap2() { return cpu_features().hwcap2; }
std::uint64_t minimum_signal_stack() { return plain_frame + (cpu_features().sve ? sve_record : 0); }

/// x0 to x30, sp, pc, pstate; as if the program ran at EL0 anywhere.
void core_registers(const TrapFrame& frame, std::uint64_t (&to)[core_register_count]) {
    constexpr std::uint64_t mode = 0x1f; // [arm/arm] "SPSR_EL1": M[4:0]
    std::copy(std::begin(frame.x), std::end(frame.x), to);
    to[31] = frame.user_sp;
    to[32] = frame.elr;
    to[33] = frame.spsr & ~mode;
}

} // namespace drupe::arch
