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

/// Entered with work_signal or work_restart set. Decides with restart.h's record whether a call is
/// repeated or fails as interrupted. Any interrupt state, returned as found. May
/// change the frame, sleep, switch threads, and not return (the thread ends).
void on_return_to_user(arch::TrapFrame& frame);

/// Sets the running thread's mask (never SIGKILL and SIGSTOP).
void set_blocked(SignalSet blocked);
/// A mask for the duration of one wait (sigsuspend, ppoll, pselect6, epoll_pwait): the old one
/// comes back after a handler ran, or by unset_temporary_mask when the wait ended without one.
void set_temporary_mask(SignalSet blocked);
void unset_temporary_mask();

} // namespace drupe::process
