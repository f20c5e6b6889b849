// SPDX-License-Identifier: BSD-2-Clause
// Called BY the arch code, defined by the kernel (or by a test). Interrupts are masked on entry
// unless said otherwise.
#pragma once

#include <drupe/arch/trap.h>

#include <cstdint>

namespace drupe::arch {

/// An interrupt of a device, the timer or another CPU. Runs the irq chip's dispatch.
void on_interrupt(TrapFrame& frame);
/// A program's instruction faulted. Interrupts on. Repairs it or makes a signal pending.
void on_user_fault(TrapFrame& frame, const Fault& fault);
/// The kernel touched a user address through user_access.h and faulted. True: retry the
/// instruction; false: the access fails with Errc::fault. Interrupts on when they were on.
bool on_user_access_fault(const Fault& fault);
/// The kernel itself is wrong. Prints the report and ends the machine.
[[noreturn]] void on_kernel_fault(TrapFrame& frame, const Fault& fault, const char* what);
/// Work flags of the running thread were set when returning to the program: reschedule, signals.
/// May switch threads, may change `frame`. Called with interrupts masked, returns with them masked.
void on_return_to_user(TrapFrame& frame);

/// A further CPU has come up on the thread that was prepared for it: no user half active, nothing
/// of the machine's interrupt controller or timer set up yet.
[[noreturn]] void secondary_main();

} // namespace drupe::arch
