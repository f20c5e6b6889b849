// SPDX-License-Identifier: BSD-2-Clause
// The GICv3 CPU interface, which is part of the CPU: system registers of one meaning on every board
// ([arm/gic] "AArch64 System register descriptions"). Only for machines whose firmware describes a
// GICv3.
#pragma once

#include <drupe/arch/impl/gic_cpu_interface.h>

#include <concepts>
#include <cstdint>

// Provided:
//   uint64_t gic_affinity()              this CPU's Aff3..Aff0, laid out as in MPIDR_EL1
//   bool gic_enable_system_registers()   false: not offered at this exception level
//   void gic_enable_group1()             all priorities, end drops and deactivates; interrupts flow
//   uint32_t gic_acknowledge()           INTID; 1020 and above: none
//   void gic_end(uint32_t intid)
//   void gic_send_sgi(uint64_t)          a value for ICC_SGI1R_EL1
namespace drupe::arch {
static_assert(requires(std::uint32_t id, std::uint64_t value) {
    { gic_affinity() } -> std::same_as<std::uint64_t>;
    { gic_enable_system_registers() } -> std::same_as<bool>;
    { gic_enable_group1() } -> std::same_as<void>;
    { gic_acknowledge() } -> std::same_as<std::uint32_t>;
    { gic_end(id) } -> std::same_as<void>;
    { gic_send_sgi(value) } -> std::same_as<void>;
});
} // namespace drupe::arch
