// SPDX-License-Identifier: BSD-2-Clause
// How a thread comes to run a program.
#pragma once

#include <drupe/arch/context.h>
#include <drupe/arch/trap.h>
#include <drupe/base/units.h>

#include <cstdint>

namespace drupe::arch {

/// ThreadHeader::entry_kind of a thread whose program's registers must all survive a switch.
inline constexpr std::uint32_t entry_full = 1;

/// The registers of a program that begins at `pc`: all others are zero.
TrapFrame first_user_frame(VirtAddr pc, VirtAddr sp);
/// Where the program's registers lie while its thread is in the kernel by a full entry.
TrapFrame* user_frame_of(std::uintptr_t kernel_stack_top);
/// Leaves the kernel for the first time. `frame` does not lie on the running stack; interrupts on
/// or off.
[[noreturn]] void enter_user(const TrapFrame& frame, std::uintptr_t kernel_stack_top);

/// The context belongs to a program's thread; called before it first runs.
void context_make_user(Context& context, std::uint64_t tls);
/// A new thread begins with the floating-point registers of the program that is running.
void context_copy_fpu(Context& child);
/// exec: the running program's floating-point registers and TLS pointer read as zero.
void reset_user_context();
/// The running program's TLS pointer.
std::uint64_t user_tls();

} // namespace drupe::arch
