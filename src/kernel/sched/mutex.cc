// SPDX-License-Identifier: BSD-2-Clause
// The slow paths of locks that sleep.
#include <drupe/sched/mutex.h>

#include <drupe/base/assert.h>

namespace drupe::sched {

void Mutex::lock_slow() {
    auto taken = waiters_.wait_until([this] { return take(); }, Nanos::never(), Interruptible::no);
    DRUPE_ASSERT(taken.ok());
}

Result<void> Mutex::lock_interruptible() {
    lockdep::assert_none_held("taking a mutex");
    auto taken = waiters_.wait_until([this] { return take(); });
    if (!taken.ok()) return Errc::interrupted;
    return {};
}

bool RwLock::take_shared() {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    while ((seen & writer) == 0 && writers_waiting_.load(std::memory_order_relaxed) == 0)
        // Acquire pairs with the release in unlock().
        if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) return true;
    return false;
}

bool RwLock::take_exclusive() {
    std::uint32_t free = 0;
    return state_.compare_exchange_strong(free, writer, std::memory_order_acquire);
}

void RwLock::lock_shared() {
    lockdep::assert_none_held("taking a sleeping lock");
    if (take_shared()) return;
    auto taken =
        waiters_.wait_until([this] { return take_shared(); }, Nanos::never(), Interruptible::no);
    DRUPE_ASSERT(taken.ok());
}

void RwLock::unlock_shared() {
    // Release pairs with the acquire in take_exclusive().
    if (state_.fetch_sub(1, std::memory_order_release) == 1) waiters_.wake_all();
}

void RwLock::lock() {
    lockdep::assert_none_held("taking a sleeping lock");
    if (take_exclusive()) return;
    writers_waiting_.fetch_add(1, std::memory_order_relaxed);
    auto taken =
        waiters_.wait_until([this] { return take_exclusive(); }, Nanos::never(), Interruptible::no);
    writers_waiting_.fetch_sub(1, std::memory_order_relaxed);
    DRUPE_ASSERT(taken.ok());
}

void RwLock::unlock() {
    state_.store(0, std::memory_order_release);
    waiters_.wake_all();
}

} // namespace drupe::sched
