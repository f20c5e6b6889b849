// SPDX-License-Identifier: BSD-2-Clause
// Spin locks. The kernel is not preemptive inside (docs/decisions/0002): a plain SpinGuard is
// enough where no interrupt handler takes the lock, an IrqGuard where one does.
#pragma once

#include <drupe/arch/cpu.h>
#include <drupe/arch/irq_state.h>
#include <drupe/sync/annotations.h>
#include <drupe/sync/lock_rank.h>
#include <drupe/sync/lock_statistics.h>
#include <drupe/sync/lockdep.h>

#include <atomic>
#include <cstdint>

namespace drupe {

template <LockRank rank>
class CAPABILITY("spin lock") SpinLock {
public:
    constexpr SpinLock() = default;
    SpinLock(const SpinLock&) = delete;
    SpinLock& operator=(const SpinLock&) = delete;

    void lock() ACQUIRE() {
        lockdep::acquired(rank, this);
        take();
    }
    /// While other locks of the same rank may be held: the caller keeps an order among them.
    void lock_nested() ACQUIRE() {
        lockdep::acquired_nested(rank, this);
        take();
    }
    void unlock() RELEASE() {
        held_.store(0, std::memory_order_release);
        lockdep::released(rank, this);
    }
    bool try_lock() TRY_ACQUIRE(true) {
        if (held_.exchange(1, std::memory_order_acquire) != 0) return false;
        lockdep::acquired(rank, this);
        lock_statistics::count(rank, 0);
        return true;
    }
    /// Tells the analysis what it cannot see: that the caller holds the lock. Checks nothing.
    void assert_held() const ASSERT_HELD() {}
    /// While other locks of the same rank are held: never waits, so no order is needed.
    bool try_lock_nested() TRY_ACQUIRE(true) {
        if (held_.exchange(1, std::memory_order_acquire) != 0) return false;
        lockdep::acquired_nested(rank, this);
        lock_statistics::count(rank, 0);
        return true;
    }
    /// Acquire: who sees it free sees what its last holder did.
    bool is_held() const { return held_.load(std::memory_order_acquire) != 0; }

private:
    void take() {
        std::uint64_t rounds = 0;
        // Acquire pairs with the release store in unlock().
        while (held_.exchange(1, std::memory_order_acquire) != 0)
            for (; held_.load(std::memory_order_relaxed) != 0; ++rounds) arch::cpu_relax();
        lock_statistics::count(rank, rounds);
    }
    std::atomic<std::uint32_t> held_{0};
};

/// Holds a lock that no interrupt handler takes.
template <LockRank rank>
class SCOPED_CAPABILITY SpinGuard {
public:
    explicit SpinGuard(SpinLock<rank>& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
    ~SpinGuard() RELEASE() { lock_.unlock(); }
    SpinGuard(const SpinGuard&) = delete;
    SpinGuard& operator=(const SpinGuard&) = delete;

private:
    SpinLock<rank>& lock_;
};

/// Holds a lock beside another of its rank (SpinLock::lock_nested).
template <LockRank rank>
class SCOPED_CAPABILITY NestedGuard {
public:
    explicit NestedGuard(SpinLock<rank>& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock_nested(); }
    ~NestedGuard() RELEASE() { lock_.unlock(); }
    NestedGuard(const NestedGuard&) = delete;
    NestedGuard& operator=(const NestedGuard&) = delete;

private:
    SpinLock<rank>& lock_;
};

/// Holds a lock with interrupts of this CPU masked.
template <LockRank rank>
class SCOPED_CAPABILITY IrqGuard {
public:
    explicit IrqGuard(SpinLock<rank>& lock) ACQUIRE(lock) : lock_(lock), state_(arch::irq_save()) {
        lock_.lock();
    }
    ~IrqGuard() RELEASE() {
        lock_.unlock();
        arch::irq_restore(state_);
    }
    IrqGuard(const IrqGuard&) = delete;
    IrqGuard& operator=(const IrqGuard&) = delete;

private:
    SpinLock<rank>& lock_;
    arch::IrqState state_;
};

} // namespace drupe
