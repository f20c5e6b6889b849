// SPDX-License-Identifier: BSD-2-Clause
// Timer queues. Invariant: the hardware of a CPU is armed for no later than the earliest of its
// timers.
#include <drupe/time/timer.h>

#include <drupe/arch/cpu.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/time/clock.h>

namespace drupe::time {

static constinit TimerQueue queues[DRUPE_MAX_CPUS];

TimerQueue& TimerQueue::local() { return queues[this_cpu_core().index]; }

void Timer::arm(Nanos deadline) {
    const arch::IrqState irqs = arch::irq_save(); // stay on this CPU
    TimerQueue& local = TimerQueue::local();
    TimerQueue* home = home_.load(std::memory_order_relaxed);
    if (home && home != &local) home->cancel(*this);
    local.arm(*this, deadline);
    arch::irq_restore(irqs);
}

void Timer::cancel() {
    if (TimerQueue* home = home_.load(std::memory_order_relaxed)) home->cancel(*this);
}

void TimerQueue::remove_locked(Timer& timer) {
    if (!timer.hook_.is_linked()) return;
    timers_.remove(timer);
    timer.armed_.store(false, std::memory_order_relaxed);
}

void TimerQueue::arm(Timer& timer, Nanos deadline) {
    IrqGuard guard{lock_};
    remove_locked(timer);
    timer.deadline_ = deadline;
    timer.home_.store(this, std::memory_order_relaxed);
    if (deadline == Nanos::never()) return;
    timers_.insert(timer);
    timer.armed_.store(true, std::memory_order_relaxed);
    program_locked();
}

void TimerQueue::cancel(Timer& timer) {
    for (;;) {
        IrqGuard guard{lock_};
        remove_locked(timer);
        // On this CPU a running action can only be the caller itself, or what it interrupted.
        if (running_ != &timer || this == &local()) return;
        arch::cpu_relax();
    }
}

Nanos TimerQueue::next() {
    IrqGuard guard{lock_};
    Timer* first = timers_.top();
    return first ? first->deadline_ : Nanos::never();
}

void TimerQueue::program_locked() {
    Timer* first = timers_.top();
    if (!first || (programmed_.ns != 0 && programmed_ <= first->deadline_)) return;
    programmed_ = first->deadline_.ns > 0 ? first->deadline_ : Nanos{1};
    arch::timer_arm(deadline_to_ticks(programmed_));
}

void TimerQueue::run() {
    lock_.lock();
    programmed_ = {0};
    for (Timer* t = timers_.top(); t && t->deadline_ <= now(); t = timers_.top()) {
        timers_.pop();
        t->armed_.store(false, std::memory_order_relaxed);
        running_ = t;
        lock_.unlock();
        t->action_(*t); // may rearm or destroy it
        lock_.lock();
        running_ = nullptr;
    }
    program_locked();
    if (programmed_.ns == 0) arch::timer_disarm();
    lock_.unlock();
}

void on_timer_interrupt() { TimerQueue::local().run(); }

} // namespace drupe::time
