// SPDX-License-Identifier: BSD-2-Clause
// Blocking, waking, switching. See scheduler.h for who may touch what under which lock.
#include "scheduler.h"

#include <drupe/arch/irq_state.h>
#include <drupe/base/assert.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/time/clock.h>

#include <atomic>
#include <new>
#include <utility>

namespace drupe::sched {

// ---- starting

// Not analysed: which lock is held at the end only the result says.
[[gnu::always_inline]] inline Cpu&
Scheduler::lock_cpu_of(const Thread& thread) NO_THREAD_SAFETY_ANALYSIS {
    for (;;) {
        Cpu& cpu = *std::atomic_ref(const_cast<Cpu*&>(thread.cpu)).load(std::memory_order_relaxed);
        cpu.queue.lock.lock();
        if (std::atomic_ref(const_cast<Cpu*&>(thread.cpu)).load(std::memory_order_relaxed) == &cpu)
            return cpu;
        unlock(cpu); // it moved meanwhile
    }
}

void Scheduler::adopt_boot_thread() {
    auto* header = reinterpret_cast<ThreadHeader*>(drupe_boot_thread);
    const std::uintptr_t guard = header->stack_guard;
    Cpu& boot = cpu(0);
    auto* self = new (drupe_boot_thread) Thread;
    self->stack_guard = guard;
    self->cpu = &boot;
    self->set_name("idle");
    self->is_idle_ = true;
    self->state_.store(ThreadState::running, std::memory_order_relaxed);
    boot.idle = self;
    {
        SpinGuard locked{boot.queue.lock};
        boot.running = self;
    }
    arch::set_thread_pointer(self);
}

void Scheduler::start(Thread& thread) {
    DRUPE_ASSERT(thread.state() == ThreadState::created);
    thread.retain(); // its own reference; dropped when it has been switched away from for good
    const arch::IrqState irqs = arch::irq_save();
    Cpu& cpu = lock_cpu_of(thread);
    cpu.queue.lock.assert_held();
    settle_locked(cpu, thread);
    arch::irq_restore(irqs);
}

/// The first thing a new thread does, interrupts masked, the queue still locked by its forerunner.
void Scheduler::first_run(void* thread) {
    finish_switch();
    arch::irq_enable();
    auto* self = static_cast<Thread*>(thread);
    self->entry_(self->argument_);
    exit_current();
}

// ---- switching

/// The queue's choice; when it had none, another CPU's.
inline Thread& Scheduler::picked_or_idle(Cpu& cpu, Entity* picked, Nanos now) {
    if (picked) return static_cast<Thread&>(*picked);
    if (is_alone()) return *cpu.idle;
    if (Thread* stolen = steal_for(cpu, now)) return *stolen;
    return *cpu.idle;
}

// Not analysed: the lock passes to the next thread.
void Scheduler::switch_to_locked(Cpu& cpu, Thread& from, Thread& to,
                                 Nanos now) NO_THREAD_SAFETY_ANALYSIS {
    // Set under this queue's lock only, so one that is not set stays so.
    if ((from.work.load(std::memory_order_relaxed) & work_reschedule) != 0)
        from.work.fetch_and(~std::uint32_t{work_reschedule}, std::memory_order_relaxed);
    std::atomic_ref(to.cpu).store(&cpu, std::memory_order_relaxed);
    to.state_.store(ThreadState::running, std::memory_order_relaxed);
    std::atomic_ref(cpu.running).store(&to, std::memory_order_relaxed);
    note_priority(cpu, to);
    cpu.previous = &from;
    ++cpu.switches;
    if (cpu.queue.queued() != 0) watch_slice_locked(cpu, now);
    if (to.address_space && to.address_space != cpu.address_space) {
        cpu.address_space = to.address_space;
        if (hooks.activate) hooks.activate(to.address_space);
    }
    arch::set_thread_pointer(&to);
    arch::context_switch(from.saved, to.saved);
    finish_switch();
}

/// Runs in the thread that was switched to: maybe on another CPU than the one it left.
/// Not analysed: it releases the lock that its forerunner took.
[[gnu::noinline]] void Scheduler::finish_switch() NO_THREAD_SAFETY_ANALYSIS {
    Cpu& cpu = *current().cpu;
    Thread& previous = *cpu.previous;
    const bool ended = previous.state() == ThreadState::dead;
    if (Thread* leaving = std::exchange(cpu.leaving, nullptr)) [[unlikely]]
        settle_locked(cpu, *leaving);
    else
        unlock(cpu);
    if (ended) previous.release();
}

void Scheduler::watch_slice_locked(Cpu& cpu, Nanos now) {
    // Somebody looks again soon enough in any case: the usual answer between two that take turns.
    if (cpu.slice_timer.is_armed() &&
        cpu.slice_timer.deadline() <= now + RunQueue::wakeup_granularity)
        return;
    if (cpu.running == cpu.idle) return;
    const Nanos at =
        is_alone() ? cpu.queue.next_decision(*cpu.running, now) : next_look_locked(cpu, now);
    // A timer that comes too early looks again and is cheaper than moving it at every switch.
    if (cpu.slice_timer.is_armed() && cpu.slice_timer.deadline() <= at) return;
    cpu.slice_timer.arm(at);
}

void Scheduler::request_switch_locked(Cpu& cpu) {
    cpu.running->work.fetch_or(work_reschedule, std::memory_order_relaxed);
    if (&cpu != current().cpu && hooks.kick) hooks.kick(cpu.index);
}

void Scheduler::look_again(Cpu& cpu) {
    const arch::IrqState irqs = arch::irq_save();
    cpu.queue.lock.lock();
    Thread* surplus = nullptr;
    Cpu* target = nullptr;
    if (cpu.queue.queued() == 0) {
    } else if (cpu.running == cpu.idle) {
        request_switch_locked(cpu);
    } else {
        const Nanos now = time::now();
        cpu.queue.account(*cpu.running, now);
        cpu.queue.enqueue_handed(now);
        if (!is_alone()) surplus = find_surplus_locked(cpu, now, target);
        if (cpu.queue.is_turn_over(*cpu.running))
            request_switch_locked(cpu);
        else
            watch_slice_locked(cpu, now);
    }
    if (surplus)
        send_locked(cpu, *surplus, *target);
    else
        unlock(cpu);
    arch::irq_restore(irqs);
}

// ---- waiting and waking

void Scheduler::block() {
    lockdep::assert_none_held("sleeping");
    const arch::IrqState irqs = arch::irq_save();
    Thread& self = current();
    Cpu& cpu = *self.cpu;
    cpu.queue.lock.lock();
    if (self.state() == ThreadState::blocked) {
        DRUPE_ASSERT(!self.is_idle_);
        const Nanos now = time::now();
        Entity* next = cpu.queue.leave_and_pick(self, now);
        ++self.voluntary_switches_;
        switch_to_locked(cpu, self, picked_or_idle(cpu, next, now), now);
    } else {
        unlock(cpu);
    }
    arch::irq_restore(irqs);
}

/// A thread that is to run and stands on no queue joins one. Where it goes is said before the lock
/// of where it was is given back: whoever looks for it finds the lock that it will be queued under.
/// Interrupts masked. Not analysed: which lock is held at the end only the loop says.
void Scheduler::settle_locked(Cpu& cpu, Thread& thread) NO_THREAD_SAFETY_ANALYSIS {
    thread.state_.store(ThreadState::runnable, std::memory_order_relaxed); // wake() leaves it alone
    std::uint32_t moves = 0;
    for (Cpu* at = &cpu;;) {
        // On the way its affinity may change, or a fixed priority as high as its own may have taken
        // the place; that is worth another look around, not an endless one.
        const bool is_taken =
            thread.realtime_priority() != 0 && moves <= cpu_count() &&
            at->priority.load(std::memory_order_relaxed) >= thread.realtime_priority();
        const bool arrived = moves != 0 && thread.affinity_.has(at->index) && !is_taken;
        Cpu& target = is_alone() || arrived ? *at : choose_cpu(thread, *at);
        if (&target == at) break;
        set_cpu(thread, target, time::now());
        unlock(*at);
        at = &lock_cpu_of(thread);
        ++moves;
    }
    make_runnable_locked(*thread.cpu, thread);
    unlock(*thread.cpu);
}

// Not analysed: as settle_locked().
void Scheduler::send_locked(Cpu& cpu, Thread& thread, Cpu& target) NO_THREAD_SAFETY_ANALYSIS {
    const Nanos now = time::now();
    set_cpu(thread, target, now);
    unlock(cpu);
    Cpu& at = lock_cpu_of(thread);
    at.moved_at.store(now.ns, std::memory_order_relaxed);
    if (at.index != target.index || !thread.affinity_.has(at.index)) {
        settle_locked(at, thread); // changed its affinity on the way
        return;
    }
    make_runnable_locked(at, thread);
    unlock(at);
}

inline void Scheduler::make_runnable_locked(Cpu& cpu, Thread& thread) {
    thread.state_.store(ThreadState::runnable, std::memory_order_relaxed);
    ++cpu.wakeups;
    if (!hand_locked(cpu, thread)) enqueue_locked(cpu, thread, time::now());
}

/// Who wakes a thread is often about to wait for it: until that is known, the woken one stands in
/// front of the queue, and the CPU passes to it without anything that concerns the others. The
/// running thread is protected for so long anyway, then look_again() queues who still stands there.
bool Scheduler::hand_locked(Cpu& cpu, Thread& thread) {
    if (&cpu != current().cpu || cpu.running == cpu.idle) return false; // timers are armed here
    const Nanos limit = RunQueue::protected_until(*cpu.running);
    const bool is_watched = cpu.slice_timer.is_armed() && cpu.slice_timer.deadline() <= limit;
    if (!is_watched && time::now() >= limit) return false; // may be for it at once
    if (!cpu.queue.hand(*cpu.running, thread)) return false;
    if (!is_watched) cpu.slice_timer.arm(limit);
    if (!is_alone()) call_idle(cpu, thread);
    return true;
}

void Scheduler::enqueue_locked(Cpu& cpu, Thread& thread, Nanos now) {
    if (thread.realtime_priority() > cpu.priority.load(std::memory_order_relaxed))
        note_priority(cpu, thread);
    if (cpu.running == cpu.idle) {
        cpu.queue.enqueue(thread, now);
        request_switch_locked(cpu);
        if (cpu.queue.queued() > 1) // only one of them will run here
            cpu.queue.for_each_queued(
                [&](const Entity& e) { call_idle(cpu, static_cast<const Thread&>(e)); });
        return;
    }
    // First the running thread's account: tickless, it may have run alone for hours, and the
    // newcomer is placed beside where it stands now.
    cpu.queue.account(*cpu.running, now);
    cpu.queue.enqueue(thread, now);
    if (!is_alone()) call_idle(cpu, thread);
    if (cpu.queue.should_preempt(*cpu.running, thread, now))
        request_switch_locked(cpu);
    else if (&cpu == current().cpu)
        watch_slice_locked(cpu, now);
    else if (hooks.kick)
        hooks.kick(cpu.index); // timers are armed on their own CPU
}

void Scheduler::wake(Thread& thread) {
    const arch::IrqState irqs = arch::irq_save();
    Cpu& cpu = lock_cpu_of(thread);
    cpu.queue.lock.assert_held();
    if (thread.state() != ThreadState::blocked) {
        unlock(cpu);
    } else if (cpu.running == &thread) { // has announced a wait: block() will not
        thread.state_.store(ThreadState::running, std::memory_order_relaxed);
        unlock(cpu);
    } else if (is_alone()) { // nowhere else to settle
        make_runnable_locked(cpu, thread);
        unlock(cpu);
    } else {
        settle_locked(cpu, thread);
    }
    arch::irq_restore(irqs);
}

// Not analysed: see lock_cpu_of().
void Scheduler::notice_work(Thread& thread) NO_THREAD_SAFETY_ANALYSIS {
    const arch::IrqState irqs = arch::irq_save();
    // A CPU that switches to the thread later than this lock is held sees the flags; one that runs
    // it now is interrupted.
    Cpu& cpu = lock_cpu_of(thread);
    const bool runs_elsewhere = cpu.running == &thread && &cpu != current().cpu;
    unlock(cpu);
    if (runs_elsewhere) hooks.kick(cpu.index);
    arch::irq_restore(irqs);
}

// ---- giving way

void Scheduler::preempt() {
    Thread& self = current();
    Cpu& cpu = *self.cpu;
    cpu.queue.lock.lock();
    const Nanos now = time::now();
    if (!self.affinity_.has(cpu.index)) {
        cpu.queue.leave(self, now);
        cpu.leaving = &self; // it is placed when its registers are saved: finish_switch()
    } else if (!self.is_idle_) {
        cpu.queue.put_back(self, now, RunQueue::Because::preempted);
    }
    Thread& next = picked_or_idle(cpu, cpu.queue.pick(now), now);
    self.state_.store(&next == &self ? ThreadState::running : ThreadState::runnable,
                      std::memory_order_relaxed);
    if (&next == &self) {
        self.work.fetch_and(~std::uint32_t{work_reschedule}, std::memory_order_relaxed);
        if (cpu.queue.queued() != 0) watch_slice_locked(cpu, now);
        unlock(cpu);
        return;
    }
    ++self.involuntary_switches_;
    if (self.is_queued() && !is_alone()) call_idle(cpu, self);
    switch_to_locked(cpu, self, next, now);
}

void Scheduler::yield() {
    const arch::IrqState irqs = arch::irq_save();
    Thread& self = current();
    Cpu& cpu = *self.cpu;
    cpu.queue.lock.lock();
    if (cpu.queue.queued() == 0) {
        unlock(cpu);
        arch::irq_restore(irqs);
        return;
    }
    const Nanos now = time::now();
    // A fair thread that yields means "somebody else, please": the others are asked first. Among
    // fixed priorities it only steps behind its equals.
    Entity* next = nullptr;
    if (self.is_idle_) {
        next = cpu.queue.pick(now);
    } else if (self.is_realtime()) {
        cpu.queue.put_back(self, now, RunQueue::Because::yielded);
        next = cpu.queue.pick(now);
    } else {
        cpu.queue.account(self, now);
        next = cpu.queue.pick(now);
        cpu.queue.put_back(self, now, RunQueue::Because::yielded);
    }
    if (next == &self) {
        unlock(cpu);
    } else {
        self.state_.store(ThreadState::runnable, std::memory_order_relaxed);
        if (!is_alone()) call_idle(cpu, self);
        ++self.voluntary_switches_;
        switch_to_locked(cpu, self, static_cast<Thread&>(*next), now);
    }
    arch::irq_restore(irqs);
}

void Scheduler::exit_current() {
    lockdep::assert_none_held("ending a thread");
    arch::irq_disable();
    Thread& self = current();
    Cpu& cpu = *self.cpu;
    DRUPE_ASSERT(!self.is_idle_);
    cpu.queue.lock.lock();
    const Nanos now = time::now();
    Entity* next = cpu.queue.leave_and_pick(self, now);
    self.state_.store(ThreadState::dead, std::memory_order_relaxed);
    switch_to_locked(cpu, self, picked_or_idle(cpu, next, now), now);
    DRUPE_ASSERT(!"a dead thread runs");
    __builtin_unreachable();
}

// ---- accounts and parameters

Nanos Scheduler::cpu_time(const Thread& thread) {
    const arch::IrqState irqs = arch::irq_save();
    Cpu& cpu = lock_cpu_of(thread);
    cpu.queue.lock.assert_held();
    if (cpu.running == &thread) cpu.queue.account(*cpu.running, time::now());
    const Nanos used = thread.used();
    unlock(cpu);
    arch::irq_restore(irqs);
    return used;
}

void Scheduler::set_affinity(Thread& thread, const CpuMask& mask) {
    const arch::IrqState irqs = arch::irq_save();
    Cpu& cpu = lock_cpu_of(thread);
    cpu.queue.lock.assert_held();
    thread.affinity_ = mask;
    if (!mask.has(cpu.index) && thread.is_queued()) {
        const Nanos now = time::now();
        if (cpu.running != cpu.idle) cpu.queue.account(*cpu.running, now);
        cpu.queue.dequeue(thread, now);
        settle_locked(cpu, thread);
    } else {
        // One that waits is placed by the mask when it wakes; one that is between two queues is
        // looked at when it arrives.
        if (!mask.has(cpu.index) && cpu.running == &thread)
            request_switch_locked(cpu);                 // preempt() sends it away
        if (thread.is_queued()) call_idle(cpu, thread); // it may have more room than before
        unlock(cpu);
    }
    arch::irq_restore(irqs);
}

void Scheduler::set_parameters(Thread& thread, Policy policy, int realtime_priority, int nice) {
    const arch::IrqState irqs = arch::irq_save();
    Cpu& cpu = lock_cpu_of(thread);
    cpu.queue.lock.assert_held();
    const Nanos now = time::now();
    const bool queued = thread.is_queued();
    const bool running = cpu.running == &thread && !thread.is_idle_;
    if (cpu.running != cpu.idle) cpu.queue.account(*cpu.running, now);
    if (queued) cpu.queue.dequeue(thread, now);
    if (running) cpu.queue.leave(thread, now);
    RunQueue::set_parameters(thread, policy, realtime_priority, nice);
    if (queued) cpu.queue.enqueue(thread, now);
    if (running) { // it may no longer be the one to run
        note_priority(cpu, thread);
        cpu.queue.rejoin(thread, now);
        request_switch_locked(cpu);
    } else if (queued && cpu.running != cpu.idle) {
        request_switch_locked(cpu);
    }
    unlock(cpu);
    arch::irq_restore(irqs);
}

// ---- the names other rooms use

void wake(Thread& thread) { Scheduler::wake(thread); }
void yield() { Scheduler::yield(); }
void exit_current() { Scheduler::exit_current(); }

void schedule_if_needed() {
    if ((current().work.load(std::memory_order_relaxed) & work_reschedule) != 0)
        Scheduler::preempt();
}

void preempt_point() {
    if ((current().work.load(std::memory_order_relaxed) & work_reschedule) == 0) return;
    lockdep::assert_none_held("giving way");
    const arch::IrqState irqs = arch::irq_save();
    Scheduler::preempt();
    arch::irq_restore(irqs);
}

} // namespace drupe::sched
