// SPDX-License-Identifier: BSD-2-Clause
// The CPUs besides the one that booted.
#pragma once

#include <drupe/base/units.h>

namespace drupe::image {

/// Tells the scheduler how many CPUs there will be and begins to bring them up, beside what else
/// happens: the first program does not wait for them. One that does not come costs a line.
/// Context: thread.
void start_secondary_cpus();

/// Stops all other CPUs for good. One that waits for a lock of this CPU's does not listen: it is
/// left alone when `patience` ends. Interrupts masked.
void stop_other_cpus(Nanos patience);
/// Stops the CPU this runs on: another one ends the machine. Interrupts masked.
[[noreturn]] void stop_this_cpu();

} // namespace drupe::image
