// SPDX-License-Identifier: BSD-2-Clause
// The table of CPUs, what other rooms install, and the idle loop.
#include "scheduler.h"

#include <drupe/arch/barrier.h>
#include <drupe/arch/irq_state.h>
#include <drupe/base/assert.h>
#include <drupe/sched/wait_queue.h>

#include <algorithm>
#include <atomic>
#include <new>

namespace drupe::sched {

constinit Hooks hooks{};
constinit std::atomic<std::uint32_t> cpus_in_use{0};

namespace {

// The boot CPU's record is static: there is no heap yet when it is needed. The others' come from
// the heap, so that a machine with one CPU does not pay for hundreds.
alignas(Cpu) constinit char boot_cpu[sizeof(Cpu)] = {};
constinit Cpu* cpus[DRUPE_MAX_CPUS] = {};
constinit std::atomic<std::uint32_t> expected{1};
alignas(WaitQueue) constinit char changes_memory[sizeof(WaitQueue)] = {};
/// Of what CPUs there are or will be. From init_boot_cpu() on.
WaitQueue& changes() { return *std::launder(reinterpret_cast<WaitQueue*>(changes_memory)); }

void drop_address_space(Cpu& self) {
    IrqGuard guard{self.queue.lock};
    self.must_forget.store(false, std::memory_order_relaxed);
    // A running thread's own space is in use; the one that is to be forgotten has no thread.
    if (!self.address_space || self.running->address_space == self.address_space) return;
    if (hooks.activate) hooks.activate(nullptr);
    self.address_space = nullptr;
}

} // namespace

Cpu::Cpu() : slice_timer([](time::Timer&) { Scheduler::look_again(*current().cpu); }) {}

Cpu& cpu(std::uint32_t index) {
    DRUPE_ASSERT(index < cpu_count());
    return *cpus[index];
}
// Acquire pairs with the release in enter_cpu(): the record comes with its number.
std::uint32_t cpu_count() { return cpus_in_use.load(std::memory_order_acquire); }
std::uint32_t cpus_expected() {
    return std::max(expected.load(std::memory_order_relaxed), cpu_count());
}
void expect_cpus(std::uint32_t count) {
    expected.store(count, std::memory_order_relaxed);
    changes().wake_all();
}

Result<void> wait_for_cpu(const CpuMask& wanted) {
    const auto has_one_below = [&](std::uint32_t end) {
        std::uint32_t i = 0;
        while (i < end && !wanted.has(i)) ++i;
        return i < end;
    };
    bool is_hopeless = false;
    TRY(changes().wait_until([&] {
        is_hopeless = !has_one_below(cpus_expected());
        return is_hopeless || has_one_below(cpu_count());
    }));
    return is_hopeless ? Result<void>{Errc::invalid} : Result<void>{};
}

void install(const StackSource& source) { hooks.stacks = source; }
void install_address_space_switch(void (*activate)(mm::AddressSpace*)) {
    hooks.activate = activate;
}
void install_kick(void (*send)(std::uint32_t)) { hooks.kick = send; }

void on_kick() {
    Cpu& self = *current().cpu;
    // Release: what was done here before is seen by who waits in synchronize_cpus().
    self.kicks.fetch_add(1, std::memory_order_release);
    // The answer before what is done here from now on: pairs with that one's fence. The interrupt
    // may be an older one, sent by another CPU.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (self.must_forget.load(std::memory_order_relaxed)) drop_address_space(self);
    Scheduler::look_again(self);
}

void init_boot_cpu() {
    new (changes_memory) WaitQueue;
    // What CpuCore points to from now on must be its address: headers are read through it.
    cpus[0] = new (boot_cpu) Cpu;
    DRUPE_ASSERT(static_cast<void*>(static_cast<CpuCore*>(cpus[0])) == boot_cpu);
    cpus_in_use.store(1, std::memory_order_relaxed);
    Scheduler::adopt_boot_thread();
}

void synchronize_cpus() {
    // What the caller did before the look at the counts: a CPU that answers later sees it.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (std::uint32_t i = 0; i < cpu_count(); ++i) {
        Cpu& other = *cpus[i];
        if (&other == current().cpu) continue;
        const std::uint32_t before = other.kicks.load(std::memory_order_relaxed);
        hooks.kick(i);
        while (other.kicks.load(std::memory_order_acquire) == before) arch::cpu_relax();
    }
}

void wait_for_readers() {
    // What the caller took away before the look at who reads: pairs with the fence in ReadSection.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (std::uint32_t i = 0; i < cpu_count(); ++i) {
        const std::atomic<std::uint32_t>& sections = cpus[i]->read_sections;
        const std::uint32_t seen = sections.load(std::memory_order_acquire);
        if (seen % 2 == 0) continue;
        while (sections.load(std::memory_order_acquire) == seen) arch::cpu_relax();
    }
}

Result<Thread*> add_cpu() {
    const std::uint32_t index = cpu_count();
    if (index == DRUPE_MAX_CPUS) return Errc::no_device;
    if (!cpus[index]) { // else the firmware failed to start the last one, or a test had it
        auto* fresh = new (std::nothrow) Cpu;
        if (!fresh) return Errc::no_memory;
        fresh->index = index;
        fresh->idle = TRY(Scheduler::create_idle(*fresh));
        cpus[index] = fresh;
    }
    return cpus[index]->idle;
}

void enter_cpu() {
    Cpu& self = *current().cpu;
    // Release: pairs with the acquire in cpu_count(). From here on others give it threads.
    cpus_in_use.store(self.index + 1, std::memory_order_release);
    changes().wake_all();
    idle_loop();
}

void idle_once() {
    Thread& self = current();
    DRUPE_ASSERT(self.is_idle());
    // Masked from the check to the wait: an interrupt in between stays pending and ends it.
    arch::irq_disable();
    Scheduler::pull(*self.cpu);
    if ((self.work.load(std::memory_order_relaxed) & work_reschedule) != 0)
        Scheduler::preempt();
    else
        arch::cpu_wait_for_interrupt();
    arch::irq_enable();
    arch::barrier_instruction(); // what is pending is taken here, before the next mask
}

void idle_loop() {
    for (;;) idle_once();
}

// No thread has the space any more, so a CPU that keeps it runs a kernel thread, and once it let go
// it does not come back to it. Interrupts stay on while waiting: two may ask each other.
void forget_address_space(mm::AddressSpace& space) {
    for (std::uint32_t i = 0; i < cpu_count(); ++i) {
        Cpu& cpu = *cpus[i];
        const auto keeps_it = [&] {
            IrqGuard guard{cpu.queue.lock};
            if (cpu.address_space != &space) return false;
            if (&cpu != current().cpu) return true;
            if (hooks.activate) hooks.activate(nullptr);
            cpu.address_space = nullptr;
            return false;
        };
        if (!keeps_it()) continue;
        cpu.must_forget.store(true, std::memory_order_relaxed); // the kick makes it known
        hooks.kick(i);
        while (keeps_it()) arch::cpu_relax();
    }
}

std::size_t runnable_count() {
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < cpu_count(); ++i) {
        IrqGuard guard{cpus[i]->queue.lock};
        count += cpus[i]->queue.queued() + (cpus[i]->running != cpus[i]->idle ? 1 : 0);
    }
    return count;
}

} // namespace drupe::sched
