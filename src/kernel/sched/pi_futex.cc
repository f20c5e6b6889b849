// SPDX-License-Identifier: BSD-2-Clause
// One lock guards all of it: who waits for whom is a graph that is followed from thread to lock to
// thread, and programs that use such locks meet in the kernel only when they have to wait. As with
// other futexes, a page that is absent is brought in without the lock, and all is looked at again.
// Parameters of a thread that was found under the tasks lock are set under it, and timers' alarms
// take that lock: so this one lies below it, and interrupts are masked.
#include "pi_waiter.h"

#include <drupe/arch/user_access.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>

#include <algorithm>

namespace drupe::sched {

namespace {

constexpr std::size_t buckets = 32;

struct State {
    SpinLock<LockRank::inheritance> lock;
    PiLock* locks[buckets] GUARDED_BY(lock) = {};
};
constinit State state;

PiLock** bucket_of(const FutexKey& key) REQUIRES(state.lock) {
    return &state.locks[(reinterpret_cast<std::uintptr_t>(key.owner) / 64 + key.offset / 8) %
                        buckets];
}

PiLock* find(const FutexKey& key) REQUIRES(state.lock) {
    PiLock* lock = *bucket_of(key);
    while (lock && !(lock->key == key)) lock = lock->next;
    return lock;
}

int priority_of(const Thread& thread) {
    return thread.is_realtime() ? thread.realtime_priority() : 0;
}

/// The most urgent; of equals the longest waiting.
PiWaiter* most_urgent(const PiLock& lock) REQUIRES(state.lock) {
    PiWaiter* best = lock.waiters;
    for (PiWaiter* w = best; w; w = w->next)
        if (priority_of(*w->thread) > priority_of(*best->thread)) best = w;
    return best;
}

void set_owner(PiLock& lock, Thread* owner) REQUIRES(state.lock) {
    if (lock.owner) {
        PiLock** at = &lock.owner->pi.held;
        while (*at != &lock) at = &(*at)->next_held;
        *at = lock.next_held;
    }
    lock.owner = owner;
    if (!owner) return;
    lock.next_held = owner->pi.held;
    owner->pi.held = &lock;
}

void append(PiLock& lock, PiWaiter& waiter) REQUIRES(state.lock) {
    PiWaiter** at = &lock.waiters;
    while (*at) at = &(*at)->next;
    *at = &waiter;
    waiter.next = nullptr;
    waiter.lock = &lock;
    waiter.thread->pi.waits = &waiter;
}

void remove(PiWaiter& waiter) REQUIRES(state.lock) {
    PiWaiter** at = &waiter.lock->waiters;
    while (*at != &waiter) at = &(*at)->next;
    *at = waiter.next;
    waiter.thread->pi.waits = nullptr;
}

void drop_if_unused(PiLock& lock) REQUIRES(state.lock) {
    if (lock.waiters || lock.is_passing) return;
    set_owner(lock, nullptr);
    PiLock** at = bucket_of(lock.key);
    while (*at != &lock) at = &(*at)->next;
    *at = lock.next;
    delete &lock;
}

/// Gives a thread the highest of its own priority and of those who wait for its locks. True: that
/// changed what it has.
bool adjust(Thread& thread) REQUIRES(state.lock) {
    const Parameters own = own_parameters(thread);
    const bool is_fixed = own.policy == Policy::fifo || own.policy == Policy::round_robin;
    const int base = is_fixed ? own.realtime_priority : 0;
    int wanted = base;
    for (PiLock* lock = thread.pi.held; lock; lock = lock->next_held)
        if (const PiWaiter* waiter = most_urgent(*lock))
            wanted = std::max(wanted, priority_of(*waiter->thread));
    if (wanted == priority_of(thread) && (wanted > base || !thread.pi.is_boosted)) return false;
    if (wanted > base) {
        thread.pi.policy = own.policy;
        thread.pi.realtime_priority = static_cast<std::uint8_t>(own.realtime_priority);
        thread.pi.is_boosted = true;
        thread.set_parameters(Policy::fifo, wanted, own.nice);
    } else {
        thread.pi.is_boosted = false;
        thread.set_parameters(own.policy, own.realtime_priority, own.nice);
    }
    return true;
}

/// The same for whoever that one waits for, and so on. No cycle: pi_lock() lets none come about.
void adjust_chain(Thread* thread) REQUIRES(state.lock) {
    while (thread && adjust(*thread))
        thread = thread->pi.waits ? thread->pi.waits->lock->owner : nullptr;
}

/// The lock's next owner is chosen and leaves the queue.
void give_to(PiLock& lock, PiWaiter& next) REQUIRES(state.lock) {
    Thread* before = lock.owner;
    remove(next);
    set_owner(lock, next.thread);
    next.is_owner = true;
    adjust_chain(next.thread);
    if (before) adjust_chain(before);
}

Result<std::uint32_t> peek(VirtAddr word) {
    UserFaultsOff off;
    return arch::user_load(word);
}

using Step = PiStep;

/// Writes the word where it still holds `seen`.
Step exchange(VirtAddr word, std::uint32_t seen, std::uint32_t desired) {
    UserFaultsOff off;
    const auto found = arch::user_compare_exchange(word, seen, desired);
    if (!found.ok()) return Step::page_absent;
    return found.value() == seen ? Step::done : Step::again;
}

bool waits_for(const Thread* thread, const Thread& target) REQUIRES(state.lock) {
    for (; thread; thread = thread->pi.waits ? thread->pi.waits->lock->owner : nullptr)
        if (thread == &target) return true;
    return false;
}

/// Takes the lock if it is free, else joins the queue (with `waiter`, null: would_block).
Result<Step> enter(const PiRequest& request, const PiSeen& seen, PiWaiter* waiter,
                   OwnPtr<PiLock>& fresh) {
    IrqGuard guard{state.lock};
    const auto word = peek(request.word);
    if (!word.ok()) return Step::page_absent;
    const std::uint32_t value = word.value();
    if ((value & futex_owner_mask) != seen.id) return Step::again;
    PiLock* lock = find(request.key);
    if (seen.id == 0 && !lock)
        return exchange(request.word, value, request.own_id | (value & futex_owner_died));
    if (lock ? !lock->is_passing && lock->owner != seen.owner.get() : seen.id == 0)
        return Errc::invalid;
    if (!lock && (!seen.owner || seen.owner->pi.has_ended)) return Errc::no_process;
    if (!waiter) return Errc::would_block;
    if (waits_for(lock ? lock->owner : seen.owner.get(), *waiter->thread)) return Errc::deadlock;
    if (!lock) {
        const Step marked = exchange(request.word, value, value | futex_waiters);
        if (marked != Step::done) return marked;
        lock = fresh.leak();
        lock->key = request.key;
        PiLock** at = bucket_of(request.key);
        lock->next = *at;
        *at = lock;
        set_owner(*lock, seen.owner.get());
    }
    append(*lock, *waiter);
    if (waiter->thread == &current()) prepare_to_wait(); // any other announced its wait already
    adjust_chain(lock->owner);
    return Step::queued;
}

/// The owner died with the lock: the new one writes its name into the word, and that.
Result<void> take_over(const PiRequest& request, PiWaiter& waiter) {
    Result<void> outcome;
    for (;;) {
        const auto value = arch::user_load(request.word);
        if (!value.ok()) {
            outcome = value.error();
            break;
        }
        const std::uint32_t mine =
            request.own_id | futex_owner_died | (value.value() & futex_waiters);
        const auto found = arch::user_compare_exchange(request.word, value.value(), mine);
        if (found.ok() && found.value() != value.value()) continue;
        if (!found.ok()) outcome = found.error();
        break;
    }
    IrqGuard guard{state.lock};
    waiter.lock->is_passing = false;
    drop_if_unused(*waiter.lock);
    return outcome;
}

/// Until the lock is given, or there is a reason to stop.
Result<void> wait(const PiRequest& request, PiWaiter& waiter, const Deadline& deadline) {
    for (;;) {
        const Nanos until = deadline.monotonic();
        const Errc reason = reason_to_stop(until, Interruptible::yes);
        if (reason == Errc::ok) block(until);
        finish_wait();
        IrqGuard guard{state.lock};
        if (waiter.is_owner) break;
        if (reason != Errc::ok) {
            PiLock& lock = *waiter.lock;
            remove(waiter);
            adjust_chain(lock.owner);
            drop_if_unused(lock);
            return reason == Errc::restart ? Errc::restart_always : reason;
        }
        prepare_to_wait();
    }
    return waiter.owner_died ? take_over(request, waiter) : Result<void>{};
}

bool is_owner(const PiWaiter& waiter) {
    IrqGuard guard{state.lock};
    return waiter.is_owner;
}

} // namespace

Result<void> pi_bring_in(VirtAddr word) {
    const std::uint32_t value = TRY(arch::user_load(word));
    TRY(arch::user_compare_exchange(word, value, value));
    return {};
}

Result<PiSeen> pi_look(const PiRequest& request) {
    const std::uint32_t id = TRY(arch::user_load(request.word)) & futex_owner_mask;
    PiSeen seen{.id = id, .owner = {}};
    if (id != 0) seen.owner = request.find_thread(id);
    return seen;
}

Result<PiStep> pi_enter_for(const PiRequest& request, const PiSeen& seen, PiWaiter& waiter,
                            OwnPtr<PiLock>& fresh) {
    if (seen.id == waiter.id) return Errc::deadlock;
    const Step step = TRY(enter(request, seen, &waiter, fresh));
    if (step == Step::done) waiter.is_owner = true;
    return step;
}

Result<void> pi_wait_queued(const PiRequest& request, PiWaiter& waiter, const Deadline& deadline) {
    prepare_to_wait();
    if (!is_owner(waiter)) return wait(request, waiter, deadline);
    finish_wait(); // given already, so no further wake-up comes
    return waiter.owner_died ? take_over(request, waiter) : Result<void>{};
}

Result<void> pi_lock(const PiRequest& request, const Deadline& deadline) {
    const WallClockWatch watch(deadline);
    OwnPtr<PiLock> fresh = TRY(make_own<PiLock>());
    PiWaiter waiter{.thread = &current(), .id = request.own_id};
    for (;;) {
        const PiSeen seen = TRY(pi_look(request));
        switch (TRY(pi_enter_for(request, seen, waiter, fresh))) {
        case Step::done: return {};
        case Step::queued: return wait(request, waiter, deadline);
        case Step::page_absent: TRY(pi_bring_in(request.word)); break;
        case Step::again: break;
        }
    }
}

Result<void> pi_try_lock(const PiRequest& request) {
    OwnPtr<PiLock> none;
    for (;;) {
        const PiSeen seen = TRY(pi_look(request));
        if (seen.id == request.own_id) return Errc::deadlock;
        const Step step = TRY(enter(request, seen, nullptr, none));
        if (step == Step::done) return {};
        if (step == Step::page_absent) TRY(pi_bring_in(request.word));
    }
}

namespace {

Result<Step> leave(const PiRequest& request) {
    IrqGuard guard{state.lock};
    const auto word = peek(request.word);
    if (!word.ok()) return Step::page_absent;
    const std::uint32_t value = word.value();
    if ((value & futex_owner_mask) != request.own_id) return Errc::not_permitted;
    PiLock* lock = find(request.key);
    if (!lock) return exchange(request.word, value, 0);
    if (lock->owner != &current()) return Errc::invalid;
    PiWaiter* next = most_urgent(*lock);
    if (!next) return exchange(request.word, value, 0); // one that came and gave up
    const bool others = lock->waiters->next != nullptr;
    const Step step = exchange(request.word, value, next->id | (others ? futex_waiters : 0));
    if (step != Step::done) return step;
    Thread& woken = *next->thread;
    give_to(*lock, *next);
    drop_if_unused(*lock);
    wake(woken);
    return step;
}

} // namespace

Result<void> pi_unlock(const PiRequest& request) {
    for (;;) {
        const Step step = TRY(leave(request));
        if (step == Step::done) return {};
        if (step == Step::page_absent) TRY(pi_bring_in(request.word));
    }
}

void pi_release_all() {
    Thread& self = current();
    IrqGuard guard{state.lock};
    self.pi.has_ended = true;
    while (PiLock* lock = self.pi.held) {
        PiWaiter* next = most_urgent(*lock);
        if (!next) {
            lock->is_passing = false;
            drop_if_unused(*lock);
            continue;
        }
        next->owner_died = true;
        lock->is_passing = true;
        Thread& woken = *next->thread;
        give_to(*lock, *next);
        wake(woken);
    }
}

Parameters own_parameters(const Thread& thread) {
    const bool reset = thread.reset_on_fork.load(std::memory_order_relaxed);
    if (thread.pi.is_boosted)
        return {thread.pi.policy, thread.pi.realtime_priority, thread.nice(), reset};
    return {thread.policy(), thread.realtime_priority(), thread.nice(), reset};
}

void set_own_parameters(Thread& thread, const Parameters& given) {
    IrqGuard guard{state.lock};
    thread.pi.is_boosted = false;
    thread.reset_on_fork.store(given.reset_on_fork, std::memory_order_relaxed);
    thread.set_parameters(given.policy, given.realtime_priority, given.nice);
    adjust(thread);
    if (thread.pi.waits) adjust_chain(thread.pi.waits->lock->owner);
}

} // namespace drupe::sched
