// SPDX-License-Identifier: BSD-2-Clause
// Maps the segments of a planned program. Private to exec.
#pragma once

#include "program_file.h"

#include <drupe/mm/address_space.h>

namespace drupe::exec {

/// Where a program's addresses begin: added to every address of its plan. Wraps around.
struct Bias {
    std::uint64_t value = 0;
    VirtAddr of(std::uint64_t planned) const { return VirtAddr{planned + value}; }
};

/// Finds room for a movable program: at `wish` (0: anywhere the space likes).
Result<Bias> choose_base(mm::AddressSpace& space, const elf::LoadPlan& plan, VirtAddr wish);
/// Maps every segment, private to the space, and clears what follows the file's bytes.
/// The space is active. no_memory, exists, invalid, io (a page of the file cannot be read).
Result<void> map_segments(mm::AddressSpace& space, const ProgramFile& program, Bias bias);

} // namespace drupe::exec
