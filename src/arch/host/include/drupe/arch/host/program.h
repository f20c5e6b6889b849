// SPDX-License-Identifier: BSD-2-Clause
// What stands for a program on the simulator.
#pragma once

#include <drupe/arch/trap.h>

namespace drupe::arch::host {

/// Called when a thread first enters its program, on the thread's stack. Must not return: it ends
/// with a call that ends the thread.
extern void (*program)(TrapFrame& frame);

} // namespace drupe::arch::host
