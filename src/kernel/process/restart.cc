// SPDX-License-Identifier: BSD-2-Clause
// What is remembered of a call that a signal interrupted.
#include <drupe/process/restart.h>

#include <drupe/process/return_to_user.h>

namespace drupe::process {

void record_interrupted(const InterruptedCall& call) {
    UserThread& self = current_user();
    self.interrupted = call;
    self.thread->work.fetch_or(sched::work_restart, std::memory_order_relaxed);
}

} // namespace drupe::process
