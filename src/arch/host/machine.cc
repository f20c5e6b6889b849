// SPDX-License-Identifier: BSD-2-Clause
// Interrupts and time of the simulated machine.
#include <drupe/arch/host/machine.h>

namespace drupe::arch::host {

Machine machine;

void reset() { machine = Machine{}; }

bool interrupt_pending() {
    const SimCpu& cpu = this_cpu();
    return cpu.raised || cpu.timer <= machine.clock;
}

void deliver_interrupts() {
    while (machine.on_interrupt && this_cpu().irqs_enabled && interrupt_pending()) {
        SimCpu& cpu = this_cpu();
        cpu.irqs_enabled = false;
        cpu.raised = false;
        ++machine.interrupts;
        machine.on_interrupt();
        // The handler may have switched threads; this one continues on the CPU that runs it now.
        this_cpu().irqs_enabled = true;
    }
}

void advance(std::uint64_t ticks) {
    machine.clock += ticks;
    deliver_interrupts();
}

} // namespace drupe::arch::host
