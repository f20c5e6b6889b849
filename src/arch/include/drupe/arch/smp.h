// SPDX-License-Identifier: BSD-2-Clause
// How a further CPU comes to the kernel: firmware starts it at secondary_entry(), the stub finds
// what was prepared for it, and it arrives in secondary_main() (upcalls.h).
#pragma once

#include <drupe/arch/boot.h>
#include <drupe/base/units.h>

#include <cstdint>

namespace drupe::arch {

/// The affinity fields of the CPU this runs on, as firmware names it.
std::uint64_t hardware_id();
/// The physical address firmware is to start a further CPU at; all use the same.
PhysAddr secondary_entry(const BootInfo& boot);
/// The CPU with these affinity fields will begin in secondary_main() on `thread` (a ThreadHeader
/// with a stack), as number `cpu` < DRUPE_MAX_CPUS. Before firmware is asked to start it.
void prepare_secondary(std::uint32_t cpu, std::uint64_t hardware_id, void* thread);

} // namespace drupe::arch
