// SPDX-License-Identifier: BSD-2-Clause
// Which CPU a thread goes to: when it wakes, and when a CPU has nothing to do.
#include "scheduler.h"

#include <drupe/time/clock.h>

#include <algorithm>
#include <atomic>

namespace drupe::sched {

namespace {

// Not analysed: a guess from outside the lock.
bool is_idle(const Cpu& cpu) NO_THREAD_SAFETY_ANALYSIS {
    return std::atomic_ref(const_cast<Thread*&>(cpu.running)).load(std::memory_order_relaxed) ==
               cpu.idle &&
           cpu.queue.queued() == 0;
}

/// When the CPUs carry more and less, but as equally as can be, they take turns at it this often.
constexpr Nanos rotation{24'000'000};
/// How many queued threads find_surplus_locked() looks at.
constexpr std::size_t most_looked_at = 64;

/// What a CPU's fair threads have to share it with. One under a fixed priority leaves them nothing.
/// Without its lock a guess.
std::int64_t load_of(const Cpu& cpu) {
    constexpr std::int64_t whole_cpu = std::int64_t{1} << 32;
    return cpu.queue.load() + (cpu.priority.load(std::memory_order_relaxed) != 0 ? whole_cpu : 0);
}

} // namespace

void Scheduler::set_cpu(Thread& thread, Cpu& cpu, Nanos now) {
    thread.arrived_at_ = now;
    std::atomic_ref(thread.cpu).store(&cpu, std::memory_order_relaxed);
}

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
        if (!allowed || is_served_sooner(thread, other, *allowed)) allowed = &other;
    }
    return allowed ? *allowed : last; // every CPU it named is gone: better here than nowhere
}

/// Is a thread with a fixed priority served by `cpu` sooner than by `other`?
bool Scheduler::is_served_sooner(const Thread& thread, const Cpu& cpu, const Cpu& other) {
    const int there = cpu.priority.load(std::memory_order_relaxed);
    return thread.realtime_priority() > there &&
           there < other.priority.load(std::memory_order_relaxed);
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
    set_cpu(*found, cpu, now);
    return found;
}

/// When a CPU that is not alone looks again: also what fixed priorities keep from running may have
/// a place elsewhere.
Nanos Scheduler::next_look_locked(Cpu& cpu, Nanos now) {
    const Nanos decision = cpu.queue.next_decision(*cpu.running, now);
    return cpu.running->is_realtime() ? std::min(decision, now + RunQueue::slice) : decision;
}

/// Where a waiting thread should rather be; null: it is well placed. Of CPUs that carry the same,
/// the one that has done so for longest.
Cpu* Scheduler::better_place(const Thread& thread, const Cpu& here) {
    const auto moved_at = [](const Cpu& c) { return c.moved_at.load(std::memory_order_relaxed); };
    Cpu* best = nullptr;
    const Cpu* least = &here;
    for (std::uint32_t i = 0; i < cpu_count(); ++i) {
        Cpu& other = cpu(i);
        if (&other == &here || !thread.affinity_.has(i)) continue;
        if (thread.is_realtime()) {
            if (!is_served_sooner(thread, other, *least)) continue;
        } else {
            const std::int64_t more = load_of(other) - load_of(*least);
            if (more > 0 || (more == 0 && (!best || moved_at(other) >= moved_at(*best)))) continue;
        }
        least = best = &other;
    }
    return best;
}

/// Takes a waiting thread off the queue that is better placed on `target`; null: none is. Fair
/// among CPUs: loads are made as equal as can be, and where an inequality is left it goes round,
/// which takes whoever has been here longest.
Thread* Scheduler::find_surplus_locked(Cpu& cpu, Nanos now, Cpu*& target) {
    const std::int64_t here = load_of(cpu);
    const bool may_rotate = now.ns - cpu.moved_at.load(std::memory_order_relaxed) >= rotation.ns;
    const Thread& running = *cpu.running;
    Thread* found = nullptr;
    std::size_t looked_at = 0;
    cpu.queue.for_each_queued([&](const Entity& e) {
        auto& thread = static_cast<Thread&>(const_cast<Entity&>(e));
        if (++looked_at > most_looked_at) return;
        if (found && thread.arrived_at_ >= found->arrived_at_) return;
        if (thread.realtime_priority() > running.realtime_priority()) return; // runs here next
        Cpu* place = better_place(thread, cpu);
        if (!place) return;
        const std::int64_t excess = here - load_of(*place);
        const auto may_go = [&](const Thread& t) { return t.weight() <= excess + excess / 2; };
        const bool improves = thread.is_realtime() || thread.weight() < excess;
        const bool is_next = !may_go(running) || running.arrived_at_ >= thread.arrived_at_;
        if (!improves && !(may_rotate && may_go(thread) && is_next)) return;
        found = &thread;
        target = place;
    });
    if (!found) return nullptr;
    cpu.queue.dequeue(*found, now);
    cpu.moved_at.store(now.ns, std::memory_order_relaxed);
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
        pass_call_on();
        return;
    }
}

/// Two may have called the same idle CPU, which takes one thread only: the other's call goes on to
/// the next idle one.
void Scheduler::pass_call_on() {
    for (std::uint32_t i = 0; i < cpu_count(); ++i) {
        Cpu& home = sched::cpu(i);
        if (home.queue.queued() == 0) continue;
        SpinGuard locked{home.queue.lock};
        home.queue.for_each_queued(
            [&](const Entity& e) { call_idle(home, static_cast<const Thread&>(e)); });
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
