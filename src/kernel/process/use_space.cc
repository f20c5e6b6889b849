// SPDX-License-Identifier: BSD-2-Clause
#include "use_space.h"

#include <drupe/mm/address_space.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/thread.h>

namespace drupe::process {

void use_space(mm::AddressSpace* space) {
    sched::Thread& thread = sched::current();
    sched::Cpu& cpu = *thread.cpu;
    IrqGuard guard{cpu.queue.lock};
    thread.address_space = cpu.address_space = space;
    mm::AddressSpace::switch_to(space);
}

} // namespace drupe::process
