// SPDX-License-Identifier: BSD-2-Clause
// Private: the operations on threads and CPUs that need both sides' internals.
// Locking: a thread's state and its place in a queue belong to the lock of the queue of
// thread.cpu. That lock is held across a context switch and released by the thread that runs next,
// so nobody can make a thread run elsewhere before its registers are saved.
#pragma once

#include <drupe/sched/cpu.h>
#include <drupe/sched/thread.h>

namespace drupe::sched {

class Scheduler {
public:
    static void adopt_boot_thread();
    static Result<RefPtr<Thread>> create(std::string_view name, Thread::Entry entry, void* arg);
    /// The idle thread of a CPU that has yet to arrive; it counts as running there.
    static Result<Thread*> create_idle(Cpu& cpu);
    static void destroy(Thread* thread);
    static void start(Thread& thread);

    static void prepare_to_wait() {
        current().state_.store(ThreadState::blocked, std::memory_order_relaxed);
        // The state before the caller's look at its condition: pairs with the fence in
        // WaitQueue::wake, between the waker's change of the condition and its look at the queue
        // and the state.
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    static void finish_wait() {
        current().state_.store(ThreadState::running, std::memory_order_relaxed);
    }
    static void block();
    static void wake(Thread& thread);
    /// Work flags were set: a CPU that runs the thread's program looks at them.
    static void notice_work(Thread& thread);
    static void yield();
    static void preempt();
    [[noreturn]] static void exit_current();

    static Nanos cpu_time(const Thread& thread);
    static void set_parameters(Thread& thread, Policy policy, int realtime_priority, int nice);
    static void set_affinity(Thread& thread, const CpuMask& mask);
    static void look_again(Cpu& cpu); // the slice timer or a kick
    static void pull(Cpu& cpu) EXCLUDES(cpu.queue.lock);

    static void unlock(Cpu& cpu) RELEASE(cpu.queue.lock) { cpu.queue.lock.unlock(); }

private:
    /// Takes the lock of the CPU it returns; the caller says so by assert_held().
    static Cpu& lock_cpu_of(const Thread& thread);
    static void make_runnable_locked(Cpu& cpu, Thread& thread) REQUIRES(cpu.queue.lock);
    static bool hand_locked(Cpu& cpu, Thread& thread) REQUIRES(cpu.queue.lock);
    static void enqueue_locked(Cpu& cpu, Thread& thread, Nanos now) REQUIRES(cpu.queue.lock);
    static void request_switch_locked(Cpu& cpu) REQUIRES(cpu.queue.lock);
    static void watch_slice_locked(Cpu& cpu, Nanos now) REQUIRES(cpu.queue.lock);
    static Thread& picked_or_idle(Cpu& cpu, Entity* picked, Nanos now) REQUIRES(cpu.queue.lock);
    static void switch_to_locked(Cpu& cpu, Thread& from, Thread& to, Nanos now)
        RELEASE(cpu.queue.lock);
    static void settle_locked(Cpu& cpu, Thread& thread) RELEASE(cpu.queue.lock);
    /// The same for one that is to leave for `target`, should it still be allowed there.
    static void send_locked(Cpu& cpu, Thread& thread, Cpu& target) RELEASE(cpu.queue.lock);
    static void note_priority(Cpu& cpu, const Thread& thread) REQUIRES(cpu.queue.lock) {
        cpu.priority.store(static_cast<std::uint8_t>(thread.realtime_priority()),
                           std::memory_order_relaxed);
    }
    static void set_cpu(Thread& thread, Cpu& cpu, Nanos now);
    static Nanos next_look_locked(Cpu& cpu, Nanos now) REQUIRES(cpu.queue.lock);
    static Thread* find_surplus_locked(Cpu& cpu, Nanos now, Cpu*& target) REQUIRES(cpu.queue.lock);
    static void call_idle(const Cpu& home, const Thread& thread);
    static void pass_call_on();
    static Thread* take_from_locked(Cpu& victim, Cpu& cpu, Nanos now) REQUIRES(victim.queue.lock);
    static Cpu& choose_cpu(const Thread& thread, Cpu& last);
    static Cpu* better_place(const Thread& thread, const Cpu& here);
    static bool is_served_sooner(const Thread& thread, const Cpu& cpu, const Cpu& other);
    static Thread* steal_for(Cpu& cpu, Nanos now) REQUIRES(cpu.queue.lock);
    static void finish_switch();
    static void first_run(void* thread);
};

/// The scheduler's view of what was installed from above.
struct Hooks {
    StackSource stacks;
    void (*activate)(mm::AddressSpace*);
    void (*kick)(std::uint32_t cpu);
};
extern Hooks hooks;

extern std::atomic<std::uint32_t> cpus_in_use;
/// No other CPU runs threads: what looks at them is skipped.
inline bool is_alone() { return cpus_in_use.load(std::memory_order_relaxed) <= 1; }

} // namespace drupe::sched
