// SPDX-License-Identifier: BSD-2-Clause
// Process groups and sessions as terminals see them. Context: thread, no lock held.
#pragma once

#include <drupe/process/process.h>

namespace drupe::process {

/// A group without anybody outside it, in its session, to continue it is not stopped by its
/// terminal.
bool is_orphaned_group(Pid group);
bool is_orphaned_group_locked(Pid group) REQUIRES(tasks_lock());
/// Some process of `group` belongs to `session`.
bool is_group_in_session(Pid group, Pid session);
/// The running thread blocks `signo`, or its process ignores it.
bool caller_ignores(int signo);

} // namespace drupe::process
