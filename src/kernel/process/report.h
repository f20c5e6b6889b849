// SPDX-License-Identifier: BSD-2-Clause
// Private: what the console says when a program dies of a signal.
#pragma once

#include <drupe/arch/trap.h>
#include <drupe/process/process.h>

namespace drupe::process {

/// A fault is told with its address, registers and calls; a signal somebody sent with one line, and
/// only for the machine's own program. Context: the dying thread, no lock held, may sleep.
void report_death(UserThread& self, const SigInfo& info, const arch::TrapFrame& frame);
/// One line, before the process is killed because no memory is left for it.
void report_no_memory(UserThread& self, VirtAddr address);

} // namespace drupe::process
