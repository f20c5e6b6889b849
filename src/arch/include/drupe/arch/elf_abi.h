// SPDX-License-Identifier: BSD-2-Clause
// What programs are told about the CPU: in the auxiliary vector and in /proc/cpuinfo. Any context,
// after the CPU's features were read. [linux] Documentation/arm64/elf_hwcaps.rst
#pragma once

#include <drupe/arch/trap.h>

#include <cstdint>
#include <string_view>

namespace drupe::arch {

/// AT_HWCAP, AT_HWCAP2: an allow-list. A bit is set only for a feature whose state the kernel keeps
/// and which it has enabled; never HWCAP_CPUID where programs run at the kernel's level.
std::uint64_t hwcap();
std::uint64_t hwcap2();
/// AT_MINSIGSTKSZ: the largest signal frame this CPU can need, in bytes.
std::uint64_t minimum_signal_stack();
/// AT_PLATFORM.
inline constexpr std::string_view platform_name = "aarch64";

/// A core file's general registers (elf_gregset_t), of a program's frame.
inline constexpr unsigned core_register_count = 34;
void core_registers(const TrapFrame& frame, std::uint64_t (&to)[core_register_count]);

} // namespace drupe::arch
