// SPDX-License-Identifier: BSD-2-Clause
// What the scheduler keeps for each CPU, and how the rooms above it plug in.
#pragma once

#include <drupe/base/result.h>
#include <drupe/sched/run_queue.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/time/timer.h>

#include <cstddef>
#include <cstdint>

namespace drupe::mm {
class AddressSpace;
}

namespace drupe::sched {

class Thread;

/// One CPU.
struct Cpu : CpuCore {
    Cpu();
    RunQueue queue;
    Thread* running GUARDED_BY(queue.lock) = nullptr;
    Thread* idle = nullptr;
    /// Who was switched away from; the next thread looks after it.
    Thread* previous GUARDED_BY(queue.lock) = nullptr;
    /// Whose user half is active.
    mm::AddressSpace* address_space GUARDED_BY(queue.lock) = nullptr;
    time::Timer slice_timer;
    std::uint64_t switches GUARDED_BY(queue.lock) = 0;
    std::uint64_t wakeups GUARDED_BY(queue.lock) = 0;
};

/// The CPUs in use; index < cpu_count().
Cpu& cpu(std::uint32_t index);
std::uint32_t cpu_count();

/// Where kernel stacks come from: memory management lies above. `allocate` returns the top of
/// Thread::stack_bytes bytes (with a guard page below), no_memory; may sleep. `release` is called
/// with interrupts masked and must not sleep.
struct StackSource {
    Result<void*> (*allocate)();
    void (*release)(void* top);
};
void install(const StackSource& source);

/// Called with interrupts masked and the run queue locked when the next thread's address space is
/// not the one active; must not block or wake.
void install_address_space_switch(void (*activate)(mm::AddressSpace*));
/// The space is about to be destroyed: no CPU may keep it active. `activate(nullptr)` is called
/// where it was. Context: thread.
void forget_address_space(mm::AddressSpace& space);

/// How another CPU is made to call on_kick(). Not needed while there is one CPU.
void install_kick(void (*send)(std::uint32_t cpu));
/// The interrupt that kick sent. Interrupts masked.
void on_kick();

/// Makes what runs now the boot CPU's idle thread (time::init() must have run). It may create and
/// start threads, must not block, and ends in idle_loop(). Interrupts masked or not.
void init_boot_cpu();
[[noreturn]] void idle_loop();

} // namespace drupe::sched

/// Storage of the boot CPU's first thread, zero until init_boot_cpu(). The entry code points the
/// CPU's thread pointer here before the first function with a stack guard runs.
extern "C" char drupe_boot_thread[];
