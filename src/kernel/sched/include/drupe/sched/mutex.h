// SPDX-License-Identifier: BSD-2-Clause
// Locks that sleep. They have no ranks: a room that nests them writes the order down beside them.
// None may be taken with a spin lock held, by an interrupt handler, or by the idle thread when it
// would have to wait.
#pragma once

#include <drupe/sched/wait_queue.h>
#include <drupe/sync/annotations.h>
#include <drupe/sync/lockdep.h>

#include <atomic>
#include <cstdint>

namespace drupe::sched {

/// One holder at a time. Not recursive. Waiters are not served strictly in order: a thread that
/// runs may take it before one that was woken for it.
class CAPABILITY("mutex") Mutex {
public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() ACQUIRE() {
        lockdep::assert_none_held("taking a mutex");
        if (!take()) lock_slow();
    }
    bool try_lock() TRY_ACQUIRE(true) { return take(); }
    /// interrupted: a signal came first.
    Result<void> lock_interruptible();
    void unlock() RELEASE() {
        // Release pairs with the acquire exchange of the next holder.
        held_.store(false, std::memory_order_release);
        waiters_.wake_one();
    }
    bool is_held() const { return held_.load(std::memory_order_relaxed); }

private:
    bool take() {
        return !held_.load(std::memory_order_relaxed) &&
               !held_.exchange(true, std::memory_order_acquire);
    }
    void lock_slow();
    std::atomic<bool> held_{false};
    WaitQueue waiters_;
};

class SCOPED_CAPABILITY MutexGuard {
public:
    explicit MutexGuard(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
    ~MutexGuard() RELEASE() { mutex_.unlock(); }
    MutexGuard(const MutexGuard&) = delete;
    MutexGuard& operator=(const MutexGuard&) = delete;

private:
    Mutex& mutex_;
};

/// Any number of readers or one writer. A waiting writer keeps new readers out.
class CAPABILITY("rw lock") RwLock {
public:
    RwLock() = default;
    RwLock(const RwLock&) = delete;
    RwLock& operator=(const RwLock&) = delete;

    void lock_shared() ACQUIRE_SHARED();
    void unlock_shared() RELEASE_SHARED();
    void lock() ACQUIRE();
    void unlock() RELEASE();

private:
    bool take_shared();
    bool take_exclusive();
    static constexpr std::uint32_t writer = 1u << 31;
    std::atomic<std::uint32_t> state_{0}; // writer bit, or the number of readers
    std::atomic<std::uint32_t> writers_waiting_{0};
    WaitQueue waiters_;
};

class SCOPED_CAPABILITY SharedGuard {
public:
    explicit SharedGuard(RwLock& lock) ACQUIRE_SHARED(lock) : lock_(lock) { lock_.lock_shared(); }
    ~SharedGuard() RELEASE() { lock_.unlock_shared(); }
    SharedGuard(const SharedGuard&) = delete;
    SharedGuard& operator=(const SharedGuard&) = delete;

private:
    RwLock& lock_;
};

class SCOPED_CAPABILITY ExclusiveGuard {
public:
    explicit ExclusiveGuard(RwLock& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
    ~ExclusiveGuard() RELEASE() { lock_.unlock(); }
    ExclusiveGuard(const ExclusiveGuard&) = delete;
    ExclusiveGuard& operator=(const ExclusiveGuard&) = delete;

private:
    RwLock& lock_;
};

/// Something that happens once. complete() from any context.
class Completion {
public:
    void complete() {
        done_.store(true, std::memory_order_release); // pairs with the acquire load in wait()
        waiters_.wake_all();
    }
    bool is_done() const { return done_.load(std::memory_order_acquire); }
    Result<void> wait(Nanos deadline = Nanos::never(),
                      Interruptible interruptible = Interruptible::no) {
        return waiters_.wait_until([this] { return is_done(); }, deadline, interruptible);
    }

    /// Ends early once `gives_up()`; whoever changes that wakes the thread.
    template <class GivesUp>
    void wait_unless(GivesUp gives_up) {
        (void)waiters_.wait_until([&] { return is_done() || gives_up(); }, Nanos::never(),
                                  Interruptible::no);
    }

private:
    std::atomic<bool> done_{false};
    WaitQueue waiters_;
};

} // namespace drupe::sched
