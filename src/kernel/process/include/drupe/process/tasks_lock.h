// SPDX-License-Identifier: BSD-2-Clause
// The lock over the process tree, every list of threads and the tables of task_table.h. Taken with
// interrupts masked, because timers and terminals look up groups.
#pragma once

#include <drupe/sync/spin_lock.h>

namespace drupe::process {

SpinLock<LockRank::process>& tasks_lock();

} // namespace drupe::process
