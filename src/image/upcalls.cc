// SPDX-License-Identifier: BSD-2-Clause
// What arch calls, joined to the rooms that answer.
#include <drupe/arch/upcalls.h>
#include <drupe/irq/irq_chip.h>
#include <drupe/process/return_to_user.h>
#include <drupe/sched/thread.h>

namespace drupe::arch {

void on_interrupt(TrapFrame&) { irq::dispatch(); }

void on_return_to_user(TrapFrame& frame) {
    sched::Thread& thread = sched::current();
    for (;;) {
        const std::uint32_t work = thread.work.load(std::memory_order_relaxed);
        if (work == 0) return;
        if ((work & sched::work_reschedule) != 0) {
            sched::schedule_if_needed();
            continue;
        }
        // A direct call that has not begun: its own exit looks at the flags.
        if (frame.elr == reinterpret_cast<std::uint64_t>(drupe_direct_entry)) return;
        process::on_return_to_user(frame);
    }
}

} // namespace drupe::arch
