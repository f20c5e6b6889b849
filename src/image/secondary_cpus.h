// SPDX-License-Identifier: BSD-2-Clause
// The CPUs besides the one that booted.
#pragma once

namespace drupe::image {

/// Tells the scheduler how many CPUs there will be and begins to bring them up, beside what else
/// happens: the first program does not wait for them. One that does not come costs a line.
/// Context: thread.
void start_secondary_cpus();

/// Stops all other CPUs for good, as far as they listen. Interrupts masked.
void stop_other_cpus();

} // namespace drupe::image
