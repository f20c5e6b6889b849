// SPDX-License-Identifier: BSD-2-Clause
// A program's registers in words, for the report of its death.
#pragma once

#include <drupe/arch/trap.h>

#include <string_view>

namespace drupe::arch {

/// All registers, a few to a line. `line` may be null: nothing is printed.
void print_registers(const TrapFrame& frame, void (*line)(std::string_view));

} // namespace drupe::arch
