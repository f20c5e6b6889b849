// SPDX-License-Identifier: BSD-2-Clause
// Which CPU a thread goes to: when it wakes, and when a CPU has nothing to do.
#include "scheduler.h"

#include <drupe/time/clock.h>

#include <atomic>

namespace drupe::sched {

namespace {

// Not analysed: a guess from outside the lock.
bool is_idle(const Cpu& cpu) NO_THREAD_SAFETY_ANALYSIS {
    return std::atomic_ref(const_cast<Thread*&>(cpu.running)).load(std::memory_order_relaxed) ==
               cpu.idle &&
           cpu.queue.queued() == 0;
}

} // namespace

/// Where a thread that became runnable goes: where it ran last when that CPU has nothing to do (its
/// caches are warm), else to another idle CPU, else back. A guess that may be overtaken: `running`
/// is read without the other CPUs' locks; one that becomes idle meanwhile steals.
Cpu& Scheduler::choose_cpu(const Thread& thread, Cpu& last) {
    const std::uint32_t count = cpu_count();
    const bool may_stay = thread.affinity_.has(last.index);
    if (may_stay && is_idle(last)) return last;
    Cpu* allowed = may_stay ? &last : nullptr;
    for (std::uint32_t i = 1; i < count; ++i) {
        Cpu& other = cpu((last.index + i) % count);
        if (!thread.affinity_.has(other.index)) continue;
        if (is_idle(other)) return other;
        if (!allowed) allowed = &other;
    }
    return allowed ? *allowed : last; // every CPU it named is gone: better here than nowhere
}

/// A thread was queued: a CPU that idles may come and take it, when the thread may run there.
void Scheduler::call_idle(const Cpu& home, const Thread& thread) {
    const std::uint32_t count = cpu_count();
    // The thread in its queue before the look at who idles: pairs with the fence in pull().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (std::uint32_t i = 1; i < count; ++i) {
        const Cpu& other = cpu((home.index + i) % count);
        if (!thread.affinity_.has(other.index) || !is_idle(other)) continue;
        hooks.kick(other.index);
        return;
    }
}

/// Takes a thread off the queue of `victim` that may run on `cpu`; null: there is none.
Thread* Scheduler::take_from_locked(Cpu& victim, Cpu& cpu, Nanos now) {
    Thread* found = nullptr;
    victim.queue.for_each_queued([&](const Entity& e) {
        auto& thread = static_cast<Thread&>(const_cast<Entity&>(e));
        if (!found && thread.affinity_.has(cpu.index)) found = &thread;
    });
    if (!found) return nullptr;
    if (victim.running != victim.idle) victim.queue.account(*victim.running, now);
    victim.queue.dequeue(*found, now);
    std::atomic_ref(found->cpu).store(&cpu, std::memory_order_relaxed);
    return found;
}

/// An idle CPU, before it sleeps, once more and with patience: what was queued elsewhere while it
/// was about to idle, and what steal_for() found locked. Interrupts masked.
void Scheduler::pull(Cpu& cpu) {
    if (is_alone()) return;
    const std::uint32_t count = cpu_count();
    // Being idle before the look at the queues: pairs with the fence in call_idle().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    for (std::uint32_t i = 1; i < count; ++i) {
        Cpu& victim = sched::cpu((cpu.index + i) % count);
        if (victim.queue.queued() == 0) continue;
        victim.queue.lock.lock();
        Thread* found = take_from_locked(victim, cpu, time::now());
        unlock(victim);
        if (!found) continue;
        cpu.queue.lock.lock();
        settle_locked(cpu, *found); // here, if it still may
        return;
    }
}

/// A thread of another CPU's queue that may run here; it has left that queue and is `cpu`'s choice.
/// The other locks are only tried: two CPUs may look at each other. Not analysed: two locks of one
/// kind at once.
Thread* Scheduler::steal_for(Cpu& cpu, Nanos now) NO_THREAD_SAFETY_ANALYSIS {
    const std::uint32_t count = cpu_count();
    for (std::uint32_t i = 1; i < count; ++i) {
        Cpu& victim = sched::cpu((cpu.index + i) % count);
        if (victim.queue.queued() == 0 || !victim.queue.lock.try_lock_nested()) continue;
        Thread* found = take_from_locked(victim, cpu, now);
        unlock(victim);
        if (!found) continue;
        cpu.queue.enqueue(*found, now);
        return static_cast<Thread*>(cpu.queue.pick(now));
    }
    return nullptr;
}

} // namespace drupe::sched
