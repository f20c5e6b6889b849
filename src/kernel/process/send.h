// SPDX-License-Identifier: BSD-2-Clause
// Private: steps of sending that birth and death of processes need too.
#pragma once

#include <drupe/process/process.h>
#include <drupe/process/task_table.h>

namespace drupe::process {

void set_program(Process& process);

/// Makes a thread look at its signals soon. Context: signal lock or tasks lock held.
void kick(UserThread& thread);
/// Every thread of the process.
void kick_all(Process& process);
/// Ends the process, if nothing else did so before.
void begin_exit_locked(Process& process, WaitStatus status) REQUIRES(process.actions->lock);
/// Another thread takes over what `leaving` would have taken.
void hand_over_locked(Process& process, UserThread& leaving) REQUIRES(process.actions->lock);
/// Every thread of the process is parked.
void report_stop_locked(Process& process) REQUIRES(tasks_lock());
/// Tells the parent that a child stopped, went on or ended; wakes its wait4.
/// False: the parent does not want to wait for a dead child (it ignores SIGCHLD).
bool notify_parent_locked(Process& child, int signo, SignalCode code, int status)
    REQUIRES(tasks_lock());

} // namespace drupe::process
