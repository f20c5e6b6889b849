// SPDX-License-Identifier: BSD-2-Clause
// Waiting on the queues of many files at once. Private to this room.
#pragma once

#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/vfs/poll.h>

#include <atomic>
#include <cstddef>

namespace drupe::syscall {

class PollWait final : public vfs::PollWatcher {
public:
    PollWait() {}
    ~PollWait() { clear(); }
    PollWait(const PollWait&) = delete;
    PollWait& operator=(const PollWait&) = delete;

    void watch(sched::WaitQueue& queue) override;
    /// A waiter could not be had: some change may go unseen.
    bool failed() const { return failed_; }
    /// Blocks until some queue was woken (is_ready) or the deadline passes. restart_no_handler.
    Result<void> wait_for(Nanos deadline, bool& is_ready);
    bool was_woken() const { return woken_.load(std::memory_order_relaxed); }
    /// Before asking the files again.
    void rearm() {
        // Acquire pairs with the fence in WaitQueue::wake(): the files show what wake-ups told of.
        woken_.exchange(false, std::memory_order_acquire);
    }
    void clear();

private:
    struct Entry final : sched::Waiter {
        Entry(PollWait& w, sched::WaitQueue& q)
            : Waiter(sched::current(), Kind::watching, After::stays), wait(w), queue(q) {}
        bool woken(std::uint32_t key) override {
            // Exchanged: over a wake-up before, a plain store would cut what that one tells of.
            wait.woken_.exchange(true, std::memory_order_relaxed);
            // Before the look whether the thread waits: pairs with the fence of prepare_to_wait().
            std::atomic_thread_fence(std::memory_order_seq_cst);
            return Waiter::woken(key);
        }
        PollWait& wait;
        sched::WaitQueue& queue;
        Entry* next = nullptr;
        bool is_allocated = false;
    };
    static constexpr std::size_t few = 4;
    union {
        Entry few_[few];
    };
    std::size_t few_used_ = 0;
    Entry* entries_ = nullptr;
    bool failed_ = false;
    std::atomic<bool> woken_{false};
};

} // namespace drupe::syscall
