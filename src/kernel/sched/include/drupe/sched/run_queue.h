// SPDX-License-Identifier: BSD-2-Clause
// Which of a CPU's threads runs next. Fair threads share by weight: of those that have not had more
// than their share so far (eligible: vruntime not past the weighted average), the one with the
// earliest virtual deadline runs (Stoica & Abdel-Wahab, "Earliest Eligible Virtual Deadline
// First"). Fixed-priority threads come before all of them. Pure bookkeeping: no clock, no context
// switch; the caller holds the lock.
#pragma once

#include <drupe/base/pairing_heap.h>
#include <drupe/base/units.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drupe::sched {

enum class Policy : std::uint8_t { other = 0, fifo = 1, round_robin = 2, batch = 3, idle = 5 };

/// Virtual time: nanoseconds of a nice-0 thread, in sixteenths (short runs of heavy threads must
/// not vanish in rounding).
using VirtualTime = std::int64_t;

class RunQueue;

/// The scheduler's part of a thread.
class Entity {
public:
    Entity() { set_nice(0); }

    static constexpr int min_nice = -20, max_nice = 19;
    static constexpr int min_realtime = 1, max_realtime = 99;

    Policy policy() const { return policy_; }
    int nice() const { return nice_; }
    int realtime_priority() const { return realtime_priority_; }
    bool is_realtime() const { return policy_ == Policy::fifo || policy_ == Policy::round_robin; }
    std::uint32_t weight() const { return weight_; }
    bool is_queued() const { return place_ != Place::none; }
    VirtualTime vruntime() const { return vruntime_; }
    VirtualTime vdeadline() const { return vdeadline_; }
    /// CPU time accounted so far.
    Nanos used() const { return used_; }

private:
    friend class RunQueue;
    enum class Place : std::uint8_t { none, handed, eligible, waiting, realtime };
    void set_nice(int nice);
    void set_policy(Policy policy, int realtime_priority);
    void set_weight();

    HeapHook hook_;
    Place place_ = Place::none;
    Policy policy_ = Policy::other;
    std::int8_t nice_ = 0;
    std::uint8_t realtime_priority_ = 0;
    std::uint32_t weight_ = 0;
    std::uint32_t inverse_ = 0;  // 2^32 / weight
    VirtualTime turn_ = 0;       // a slice in its virtual time
    VirtualTime first_turn_ = 0; // a wakeup_slice
    VirtualTime vruntime_ = 0;
    VirtualTime vdeadline_ = 0;
    VirtualTime lag_ = 0;        // average - vruntime when it left; what it is still owed
    std::uint64_t sequence_ = 0; // order among equals
    Nanos since_{0};             // running: accounted up to here; blocked: since when
    Nanos picked_at_{0};
    Nanos used_{0};
    Nanos turn_used_{0}; // round robin: of this turn
};

class RunQueue {
public:
    static constexpr Nanos slice{3'000'000};
    /// The first turn after a sleep is short, and so due early: who sleeps much waits little.
    static constexpr Nanos wakeup_slice{750'000};
    static constexpr Nanos round_robin_slice{100'000'000};
    /// A thread just picked runs this long before a wake-up may take the CPU from it.
    static constexpr Nanos wakeup_granularity{100'000};

    SpinLock<LockRank::run_queue> lock;

    /// A thread that was not runnable joins; what it was owed when it left is honoured.
    void enqueue(Entity& entity, Nanos now) REQUIRES(lock);
    /// The same for one that the running thread woke and that may get the CPU from it directly,
    /// when it leaves before anybody else joins: until then it waits in front of the queue. False,
    /// and nothing is done: it has to be enqueued, for somebody waits already or they are not both
    /// fair. The caller sees to it that somebody looks again by protected_until(running).
    bool hand(const Entity& running, Entity& woken) REQUIRES(lock) {
        if (queued() != 0 || running.is_realtime() || woken.is_realtime() ||
            running.policy_ == Policy::idle)
            return false;
        handed_ = &woken;
        woken.place_ = Entity::Place::handed;
        woken.sequence_ = ++sequence_;
        queued_.store(1, std::memory_order_relaxed);
        load_.store(weight_ + woken.weight_, std::memory_order_relaxed);
        return true;
    }
    /// Who waits in front of the queue; null: nobody.
    const Entity* handed() const REQUIRES(lock) { return handed_; }
    /// It takes its place in the queue, as all do; the running thread's account is up to now.
    void enqueue_handed(Nanos now) REQUIRES(lock) {
        if (handed_) join(now);
    }
    /// A queued thread goes (its parameters change, or it moves to another CPU).
    void dequeue(Entity& entity, Nanos now) REQUIRES(lock);
    /// Takes the thread to run next out of the queue and starts its account; null: none.
    Entity* pick(Nanos now) REQUIRES(lock);
    enum class Because : std::uint8_t { preempted, yielded };
    /// The running thread goes back into the queue.
    void put_back(Entity& running, Nanos now, Because because) REQUIRES(lock);
    /// The running thread stops being runnable.
    void leave(Entity& running, Nanos now) REQUIRES(lock);
    /// The same, followed by pick().
    Entity* leave_and_pick(Entity& running, Nanos now) REQUIRES(lock);
    /// The running thread, after leave() and a change of its parameters, is runnable again.
    void rejoin(Entity& running, Nanos now) REQUIRES(lock);
    /// Charges the running thread up to `now`.
    void account(Entity& running, Nanos now) REQUIRES(lock);

    /// Should `woken`, just enqueued, run instead of `running`, accounted up to now?
    bool should_preempt(const Entity& running, const Entity& woken, Nanos now) const REQUIRES(lock);
    /// Has the running thread used up its turn while others wait?
    bool is_turn_over(const Entity& running) const REQUIRES(lock);
    /// Until when no wake-up of a fair thread takes the CPU from this one.
    static Nanos protected_until(const Entity& running) {
        return running.picked_at_ + wakeup_granularity;
    }
    /// When to look again; never() when nobody waits or the running thread's policy has no slice.
    Nanos next_decision(const Entity& running, Nanos now) const REQUIRES(lock);

    /// Neither queued here nor running here.
    static void set_parameters(Entity& entity, Policy policy, int realtime_priority, int nice);

    /// Exact with the lock held, else a guess.
    std::size_t queued() const { return queued_.load(std::memory_order_relaxed); }
    /// Sum of the fair threads' weights, the running one's included: exact with the lock held, else
    /// a guess.
    std::int64_t load() const { return load_.load(std::memory_order_relaxed); }
    /// What a thread that has had exactly its share has got.
    VirtualTime average() const REQUIRES(lock);
    /// average() - vruntime: what a fair thread here is owed (> 0) or has had too much of.
    VirtualTime lag_of(const Entity& entity) const REQUIRES(lock) {
        return average() - entity.vruntime_;
    }
    static VirtualTime virtual_of(const Entity& entity, Nanos real);

    /// For checkers.
    template <class Visit>
    void for_each_queued(Visit visit) const REQUIRES(lock) {
        if (handed_) visit(*handed_);
        eligible_.for_each(visit);
        waiting_.for_each(visit);
        realtime_.for_each(visit);
    }

private:
    struct EarlierDeadline {
        bool operator()(const Entity& a, const Entity& b) const {
            return a.vdeadline_ != b.vdeadline_ ? a.vdeadline_ < b.vdeadline_
                                                : a.sequence_ < b.sequence_;
        }
    };
    struct EarlierStart {
        bool operator()(const Entity& a, const Entity& b) const {
            return a.vruntime_ < b.vruntime_;
        }
    };
    struct HigherPriority {
        bool operator()(const Entity& a, const Entity& b) const {
            return a.realtime_priority_ != b.realtime_priority_
                       ? a.realtime_priority_ > b.realtime_priority_
                       : a.sequence_ < b.sequence_;
        }
    };

    void set_weight(std::int64_t sum) REQUIRES(lock) {
        weight_ = sum;
        load_.store(sum, std::memory_order_relaxed);
    }
    bool is_eligible(const Entity& entity) const REQUIRES(lock) {
        return (entity.vruntime_ - base_) * weight_ <= weighted_;
    }
    void join(Nanos now) REQUIRES(lock);
    void link(Entity& entity) REQUIRES(lock);
    void insert(Entity& entity) REQUIRES(lock);
    void remove(Entity& entity) REQUIRES(lock);
    Entity* pick_fair() REQUIRES(lock);
    void add_weight(const Entity& entity) REQUIRES(lock);
    void drop_weight(Entity& entity) REQUIRES(lock);
    void place(Entity& entity, Nanos now) REQUIRES(lock);
    void renew(Entity& entity) REQUIRES(lock);

    PairingHeap<Entity, &Entity::hook_, EarlierDeadline>
        eligible_ GUARDED_BY(lock); // eligible when last looked at
    PairingHeap<Entity, &Entity::hook_, EarlierStart>
        waiting_ GUARDED_BY(lock); // not eligible then
    PairingHeap<Entity, &Entity::hook_, HigherPriority> realtime_ GUARDED_BY(lock);
    // Of the others it knows nothing yet: it is in queued_ and load_, in no heap and no average.
    Entity* handed_ GUARDED_BY(lock) = nullptr;
    std::atomic<std::size_t> queued_{0}; // changes with the lock held
    std::uint64_t sequence_ GUARDED_BY(lock) = 0;
    // The average of the fair threads here, running one included, is base_ + weighted_ / weight_.
    VirtualTime base_ GUARDED_BY(lock) = 0;
    std::int64_t weighted_ GUARDED_BY(lock) = 0; // sum of weight * (vruntime - base_)
    std::int64_t weight_ GUARDED_BY(lock) = 0;   // sum of weights
    std::atomic<std::int64_t> load_{0};          // the same, for those without the lock
};

} // namespace drupe::sched
