// SPDX-License-Identifier: BSD-2-Clause
// The table of CPUs, what other rooms install, and the idle loop.
#include "scheduler.h"

#include <drupe/arch/irq_state.h>
#include <drupe/base/assert.h>

#include <new>

namespace drupe::sched {

constinit Hooks hooks{};

namespace {

// The boot CPU's record is static: there is no heap yet when it is needed. The others' come from
// the heap, so that a machine with one CPU does not pay for sixty-four.
alignas(Cpu) constinit char boot_cpu[sizeof(Cpu)] = {};
constinit Cpu* cpus[DRUPE_MAX_CPUS] = {};
constinit std::uint32_t cpus_in_use = 0;

} // namespace

Cpu::Cpu() : slice_timer([](time::Timer&) { Scheduler::look_again(*current().cpu); }) {}

Cpu& cpu(std::uint32_t index) {
    DRUPE_ASSERT(index < cpus_in_use);
    return *cpus[index];
}
std::uint32_t cpu_count() { return cpus_in_use; }

void install(const StackSource& source) { hooks.stacks = source; }
void install_address_space_switch(void (*activate)(mm::AddressSpace*)) {
    hooks.activate = activate;
}
void install_kick(void (*send)(std::uint32_t)) { hooks.kick = send; }

void on_kick() { Scheduler::look_again(*current().cpu); }

void init_boot_cpu() {
    // What CpuCore points to from now on must be its address: headers are read through it.
    cpus[0] = new (boot_cpu) Cpu;
    DRUPE_ASSERT(static_cast<void*>(static_cast<CpuCore*>(cpus[0])) == boot_cpu);
    cpus_in_use = 1;
    Scheduler::adopt_boot_thread();
}

void idle_loop() {
    Thread& self = current();
    DRUPE_ASSERT(self.is_idle());
    for (;;) {
        // Masked from the check to the wait: an interrupt in between stays pending and ends it.
        arch::irq_disable();
        if ((self.work.load(std::memory_order_relaxed) & work_reschedule) != 0)
            Scheduler::preempt();
        else
            arch::cpu_wait_for_interrupt();
        arch::irq_enable(); // what is pending is taken here
    }
}

void forget_address_space(mm::AddressSpace& space) {
    for (std::uint32_t i = 0; i < cpus_in_use; ++i) {
        IrqGuard guard{cpus[i]->queue.lock};
        if (cpus[i]->address_space != &space) continue;
        if (hooks.activate) hooks.activate(nullptr); // one CPU; others need to be asked
        cpus[i]->address_space = nullptr;
    }
}

std::size_t runnable_count() {
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < cpus_in_use; ++i) {
        IrqGuard guard{cpus[i]->queue.lock};
        count += cpus[i]->queue.queued() + (cpus[i]->running != cpus[i]->idle ? 1 : 0);
    }
    return count;
}

} // namespace drupe::sched
