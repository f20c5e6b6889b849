// SPDX-License-Identifier: BSD-2-Clause
// The fair queue. Two heaps hold the fair threads: by deadline those that were eligible when last
// looked at, by start those that were not. The average moves both ways when threads come and go, so
// an entry may stand in the wrong heap; only the tops matter, and pick() puts those right first.
#include <drupe/sched/run_queue.h>

#include <drupe/base/assert.h>

#include <algorithm>
#include <utility>

namespace drupe::sched {
namespace {

/// 1024 * 1.25^-nice, the ratio that programs are used to: one step of nice is 10 % of a CPU.
constexpr std::uint32_t weights[40] = {
    88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921, 9537, 7629, 6104, 4883,
    3906,  3125,  2500,  2000,  1600,  1280,  1024,  819,   655,   524,   419,  336,  268,  215,
    172,   137,   110,   88,    70,    56,    45,    36,    29,    23,    18,   15,
};
constexpr std::uint32_t idle_weight = 3;

/// More than a thread takes at once in any system call.
constexpr VirtualTime most_turns = 8;

/// Virtual time per nanosecond of a thread of weight w is 2^14 / w.
constexpr unsigned unit_shift = 14;
__extension__ typedef unsigned __int128 Wide;

} // namespace

void Entity::set_weight() {
    weight_ =
        policy_ == Policy::idle ? idle_weight : weights[static_cast<std::size_t>(nice_ - min_nice)];
    inverse_ = static_cast<std::uint32_t>((std::uint64_t{1} << 32) / weight_);
    turn_ = RunQueue::virtual_of(*this, RunQueue::slice);
    first_turn_ = RunQueue::virtual_of(*this, RunQueue::wakeup_slice);
}

void Entity::set_nice(int nice) {
    nice_ = static_cast<std::int8_t>(std::clamp(nice, min_nice, max_nice));
    set_weight();
}

void Entity::set_policy(Policy policy, int realtime_priority) {
    policy_ = policy;
    realtime_priority_ = static_cast<std::uint8_t>(is_realtime() ? realtime_priority : 0);
    set_weight();
}

void RunQueue::set_parameters(Entity& entity, Policy policy, int realtime_priority, int nice) {
    DRUPE_ASSERT(!entity.is_queued() && !entity.hook_.is_linked());
    const std::int64_t owed = entity.lag_ * entity.weight_;
    entity.set_policy(policy, realtime_priority);
    entity.set_nice(nice);
    entity.lag_ = owed / entity.weight_; // the same service, counted in the new weight's time
}

VirtualTime RunQueue::virtual_of(const Entity& entity, Nanos real) {
    return static_cast<VirtualTime>(static_cast<std::uint64_t>(
        Wide{static_cast<std::uint64_t>(real.ns)} * entity.inverse_ >> (32 - unit_shift)));
}

VirtualTime RunQueue::average() const {
    if (weight_ == 0) return base_;
    // Rounded down, also below zero, so that the entity at the average counts as eligible.
    std::int64_t q = weighted_ / weight_;
    if (q * weight_ > weighted_) --q;
    return base_ + q;
}

// The parts of what a switch does are inlined into it: each is shorter than its call.

[[gnu::always_inline]] inline void RunQueue::add_weight(const Entity& entity) {
    if (weight_ == 0) {
        base_ = entity.vruntime_;
        weighted_ = 0;
    } else {
        weighted_ += entity.weight_ * (entity.vruntime_ - base_);
    }
    set_weight(weight_ + entity.weight_);
}

/// Takes a fair entity out of the average, noting what it is owed.
[[gnu::always_inline]] inline void RunQueue::drop_weight(Entity& entity) {
    if (entity.weight_ == weight_) { // the last one has had exactly its share
        base_ = entity.vruntime_;
        weighted_ = 0;
        set_weight(0);
        entity.lag_ = 0;
        return;
    }
    // More than a turn is never owed or overdrawn after a sleep.
    entity.lag_ = std::clamp(average() - entity.vruntime_, -entity.turn_, entity.turn_);
    weighted_ -= entity.weight_ * (entity.vruntime_ - base_);
    set_weight(weight_ - entity.weight_);
}

void RunQueue::renew(Entity& entity) { entity.vdeadline_ = entity.vruntime_ + entity.turn_; }

[[gnu::always_inline]] inline void RunQueue::place(Entity& entity, Nanos now) {
    VirtualTime lag = entity.lag_;
    // A debt is forgiven as the thread sleeps: it took nothing from anybody meanwhile.
    if (lag < 0) lag = std::min<VirtualTime>(0, lag + virtual_of(entity, now - entity.since_));
    // Joining moves the average towards the newcomer, so it stands further off to end up with lag.
    if (lag != 0 && weight_ != 0) lag += lag * entity.weight_ / weight_;
    entity.vruntime_ = average() - lag;
    entity.lag_ = 0;
    entity.vdeadline_ = entity.vruntime_ + entity.first_turn_;
}

[[gnu::always_inline]] inline void RunQueue::link(Entity& entity) {
    if (entity.is_realtime()) {
        entity.place_ = Entity::Place::realtime;
        realtime_.insert(entity);
    } else if (is_eligible(entity)) {
        entity.place_ = Entity::Place::eligible;
        eligible_.insert(entity);
    } else {
        entity.place_ = Entity::Place::waiting;
        waiting_.insert(entity);
    }
}

[[gnu::always_inline]] inline void RunQueue::insert(Entity& entity) {
    queued_.store(queued() + 1, std::memory_order_relaxed);
    link(entity);
}

[[gnu::always_inline]] inline void RunQueue::remove(Entity& entity) {
    queued_.store(queued() - 1, std::memory_order_relaxed);
    switch (entity.place_) {
    case Entity::Place::handed: handed_ = nullptr; break;
    case Entity::Place::eligible: eligible_.remove(entity); break;
    case Entity::Place::waiting: waiting_.remove(entity); break;
    case Entity::Place::realtime: realtime_.remove(entity); break;
    case Entity::Place::none: DRUPE_ASSERT(!"queued nowhere");
    }
    entity.place_ = Entity::Place::none;
}

void RunQueue::enqueue(Entity& entity, Nanos now) {
    DRUPE_ASSERT(entity.place_ == Entity::Place::none);
    enqueue_handed(now); // it came first
    entity.turn_used_ = {0};
    entity.sequence_ = ++sequence_;
    if (!entity.is_realtime()) {
        place(entity, now);
        add_weight(entity);
    }
    insert(entity);
}

[[gnu::noinline]] void RunQueue::join(Nanos now) {
    Entity& entity = *std::exchange(handed_, nullptr);
    place(entity, now);
    add_weight(entity);
    link(entity);
}

void RunQueue::dequeue(Entity& entity, Nanos now) {
    const bool was_handed = &entity == handed_;
    remove(entity);
    if (was_handed) { // it never joined
        set_weight(weight_);
        return;
    }
    if (!entity.is_realtime()) drop_weight(entity);
    entity.since_ = now;
}

[[gnu::always_inline]] inline Entity* RunQueue::pick_fair() {
    if (weight_ == 0) return nullptr;
    while (Entity* e = waiting_.top()) {
        if (!is_eligible(*e)) break;
        waiting_.pop();
        e->place_ = Entity::Place::eligible;
        eligible_.insert(*e);
    }
    while (Entity* e = eligible_.top()) {
        if (is_eligible(*e)) return e;
        eligible_.pop();
        e->place_ = Entity::Place::waiting;
        waiting_.insert(*e);
    }
    return waiting_.top(); // the running thread is not here and alone pulls the average down
}

Entity* RunQueue::pick(Nanos now) {
    if (queued() == 0) return nullptr;
    enqueue_handed(now);
    Entity* next = realtime_.top();
    if (!next) next = pick_fair();
    remove(*next);
    next->since_ = next->picked_at_ = now;
    return next;
}

void RunQueue::account(Entity& running, Nanos now) {
    const Nanos delta = now - running.since_;
    if (delta.ns == 0) return; // somebody just did
    running.since_ = now;
    running.used_ = running.used_ + delta;
    if (running.is_realtime()) {
        running.turn_used_ = running.turn_used_ + delta;
        return;
    }
    VirtualTime step = virtual_of(running, delta);
    if (running.weight_ == weight_) { // alone: the average is where it is, and sums stay small
        running.vruntime_ += step;
        base_ = running.vruntime_;
        weighted_ = 0;
        return;
    }
    // While others wait somebody looks each slice. A far longer time was not the thread's: a host
    // gave the CPU's time away. Charged, the thread would starve until all others had as much.
    step = std::min(step, most_turns * running.turn_);
    running.vruntime_ += step;
    weighted_ += running.weight_ * step;
    constexpr std::int64_t large = std::int64_t{1} << 56;
    if (weighted_ > large || weighted_ < -large) {
        const VirtualTime shift = weighted_ / weight_;
        base_ += shift;
        weighted_ -= shift * weight_;
    }
}

void RunQueue::put_back(Entity& running, Nanos now, Because because) {
    account(running, now);
    if (running.is_realtime()) {
        // Behind its equals when it gave way itself or its turn is over, else before them.
        const bool turn_over =
            running.policy_ == Policy::round_robin && running.turn_used_ >= round_robin_slice;
        if (because == Because::yielded || turn_over) {
            running.sequence_ = ++sequence_;
            running.turn_used_ = {0};
        }
        insert(running);
        return;
    }
    running.sequence_ = ++sequence_;
    if (because == Because::yielded) {
        // Who yields gives up what it is owed and starts a new turn, behind the others.
        const VirtualTime gift = average() - running.vruntime_;
        if (gift > 0) {
            running.vruntime_ += gift;
            weighted_ += running.weight_ * gift;
        }
        renew(running);
    } else if (running.vruntime_ >= running.vdeadline_) {
        renew(running);
    }
    insert(running);
}

void RunQueue::rejoin(Entity& running, Nanos now) {
    enqueue_handed(now);
    running.turn_used_ = {0};
    if (running.is_realtime()) return;
    place(running, now);
    add_weight(running);
}

void RunQueue::leave(Entity& running, Nanos now) {
    account(running, now);
    if (!running.is_realtime()) drop_weight(running);
}

Entity* RunQueue::leave_and_pick(Entity& running, Nanos now) {
    if (!handed_ || running.weight_ != weight_) {
        leave(running, now);
        return pick(now);
    }
    // One fair thread hands the CPU to another, and nobody else wants it: nothing is owed to
    // anybody, and the average is wherever the one that runs stands.
    running.used_ = running.used_ + (now - running.since_);
    running.since_ = now;
    running.lag_ = 0;
    Entity& next = *std::exchange(handed_, nullptr);
    queued_.store(0, std::memory_order_relaxed);
    next.place_ = Entity::Place::none;
    next.lag_ = 0;
    next.vruntime_ = base_ = running.vruntime_;
    weighted_ = 0;
    next.vdeadline_ = base_ + next.first_turn_;
    next.since_ = next.picked_at_ = now;
    set_weight(next.weight_);
    return &next;
}

bool RunQueue::should_preempt(const Entity& running, const Entity& woken, Nanos now) const {
    if (woken.is_realtime() || running.is_realtime())
        return woken.realtime_priority_ > running.realtime_priority_;
    if (running.policy_ == Policy::idle && woken.policy_ != Policy::idle) return true;
    if (woken.policy_ == Policy::batch || woken.policy_ == Policy::idle) return false;
    return now - running.picked_at_ >= wakeup_granularity &&
           woken.vdeadline_ < running.vdeadline_ && is_eligible(woken);
}

bool RunQueue::is_turn_over(const Entity& running) const {
    if (queued() == 0) return false;
    if (const Entity* rt = realtime_.top()) {
        if (rt->realtime_priority_ > running.realtime_priority_) return true;
        return running.policy_ == Policy::round_robin &&
               rt->realtime_priority_ == running.realtime_priority_ &&
               running.turn_used_ >= round_robin_slice;
    }
    if (running.is_realtime()) return false;
    if (running.vruntime_ >= running.vdeadline_) return true;
    const Entity* next = eligible_.top();
    return next && should_preempt(running, *next, running.since_);
}

Nanos RunQueue::next_decision(const Entity& running, Nanos now) const {
    if (queued() == 0) return Nanos::never();
    if (running.is_realtime())
        return running.policy_ == Policy::round_robin ? now + round_robin_slice - running.turn_used_
                                                      : Nanos::never();
    const VirtualTime left = running.vdeadline_ - running.vruntime_;
    Nanos turn{left > 0 ? (left * running.weight_ >> unit_shift) + 1 : 0};
    const Entity* next = eligible_.top();
    const Nanos protected_until = running.picked_at_ + wakeup_granularity;
    if (next && next->vdeadline_ < running.vdeadline_ && protected_until > now)
        return std::min(now + turn, protected_until);
    return now + turn;
}

} // namespace drupe::sched
