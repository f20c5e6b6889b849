// SPDX-License-Identifier: BSD-2-Clause
// What the scheduler keeps for each CPU, and how the rooms above it plug in.
#pragma once

#include <drupe/base/result.h>
#include <drupe/sched/run_queue.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/time/timer.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drupe::mm {
class AddressSpace;
}

namespace drupe::sched {

class Thread;
struct CpuMask;

/// One CPU.
struct Cpu : CpuCore {
    Cpu();
    RunQueue queue;
    Thread* running GUARDED_BY(queue.lock) = nullptr;
    Thread* idle = nullptr;
    /// Who was switched away from; the next thread looks after it.
    Thread* previous GUARDED_BY(queue.lock) = nullptr;
    /// Switched away from because it may not run here any more.
    Thread* leaving GUARDED_BY(queue.lock) = nullptr;
    /// Whose user half is active.
    mm::AddressSpace* address_space GUARDED_BY(queue.lock) = nullptr;
    std::atomic<bool> must_forget{false}; // on_kick() is to let go of address_space
    std::atomic<std::uint32_t> kicks{0};  // answered so far
    time::Timer slice_timer;
    /// The fixed priority that has this CPU or is about to; 0: fair or idle. Changes with the lock
    /// held, as the next.
    std::atomic<std::uint8_t> priority{0};
    std::atomic<std::int64_t> moved_at{0}; // ns; when a thread was last sent from or to here
    std::uint64_t switches GUARDED_BY(queue.lock) = 0;
    std::uint64_t wakeups GUARDED_BY(queue.lock) = 0;
};

/// The CPUs that run threads; index < cpu_count(). The count grows while further ones come up.
Cpu& cpu(std::uint32_t index);
std::uint32_t cpu_count();
/// How many there will be: what programs are told.
std::uint32_t cpus_expected();
/// Context: thread.
void expect_cpus(std::uint32_t count);
/// Returns when a CPU of the set runs threads. invalid when none of them is expected, or not any
/// more; restart when a signal is pending. Context: thread.
Result<void> wait_for_cpu(const CpuMask& wanted);

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

/// How another CPU is made to call on_kick(), where what this one did before is seen. Not needed
/// before add_cpu().
void install_kick(void (*send)(std::uint32_t cpu));
/// The interrupt that kick sent. Interrupts masked.
void on_kick();

/// Returns when every other CPU has gone through a full barrier and returned from an interrupt
/// since the call: its instruction fetches start anew, and it sees what the caller did before.
/// Context: thread, interrupts on.
void synchronize_cpus();

/// Returns when every ReadSection that began before the call has ended: nobody sees any more what
/// the caller made unreachable. Context: thread, no section of its own.
void wait_for_readers();

/// Makes what runs now the boot CPU's idle thread (time::init() must have run). It may create and
/// start threads, must not block, and ends in idle_loop(). Interrupts masked or not.
void init_boot_cpu();
[[noreturn]] void idle_loop();
/// One round of it.
void idle_once();

/// Makes the record and the idle thread of CPU number cpu_count(); the thread is what the CPU is to
/// arrive on (arch::prepare_secondary). One CPU at a time. no_memory. Context: thread.
Result<Thread*> add_cpu();
/// The CPU for which add_cpu() was called last, on its idle thread: from here on it runs threads.
/// Interrupts masked.
[[noreturn]] void enter_cpu();

} // namespace drupe::sched

/// Storage of the boot CPU's first thread, zero until init_boot_cpu(). The entry code points the
/// CPU's thread pointer here, and the header to boot_cpu_core, before the first function of C++
/// runs in the kernel's half.
extern "C" char drupe_boot_thread[];
