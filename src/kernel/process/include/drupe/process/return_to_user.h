// SPDX-License-Identifier: BSD-2-Clause
// The last look before the program goes on: deliver signals, restart system calls, end threads.
#pragma once

#include <drupe/arch/trap.h>
#include <drupe/base/errc.h>
#include <drupe/process/signal_set.h>
#include <drupe/process/user_thread.h>

namespace drupe::process {

/// For a wait with a relative timeout that a signal interrupted: remembers how to go on and gives
/// the error to return. `resume` runs in restart_syscall(2), with the block it was given.
Errc restart_later(const RestartBlock& block);

/// Is a call that was interrupted with `result` (arch::CallOutcome) repeated after a handler with
/// these flags ran? Without a handler it always is.
bool repeats_under_handler(std::int64_t result, std::uint64_t action_flags);

/// Entered with work_signal, work_restart or work_other set. Decides with restart.h's record
/// whether a call is repeated or fails as interrupted. Any interrupt state, returned as found. May
/// change the frame, sleep, switch threads, and not return (the thread ends). The caller looks at
/// the work flags again afterwards.
void on_return_to_user(arch::TrapFrame& frame);

/// sigaltstack(2) of the running thread: the stack in use; `fresh` replaces it unless null. `sp` is
/// the program's stack pointer. not_permitted: it stands on the stack; invalid, no_memory: too
/// small.
Result<UserStack> exchange_alternate_stack(const UserStack* fresh, std::uint64_t sp);
/// rt_sigreturn(2): leaves the running handler. A frame that is none ends in SIGSEGV.
void return_from_handler(arch::TrapFrame& frame);
/// rt_sigtimedwait(2): takes one of `wanted`, waiting for it until `deadline`. would_block: none
/// came in time; interrupted: another signal did.
Result<SigInfo> wait_for_signal(SignalSet wanted, Nanos deadline);

/// Sets the running thread's mask (never SIGKILL and SIGSTOP).
void set_blocked(SignalSet blocked);
/// A mask for the duration of one wait (sigsuspend, ppoll, pselect6, epoll_pwait): the old one
/// comes back after a handler ran, or by unset_temporary_mask when the wait ended without one.
void set_temporary_mask(SignalSet blocked);
void unset_temporary_mask();

} // namespace drupe::process
