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
    bool was_woken() const { return woken_.load(std::memory_order_acquire); }
    /// Before asking the files again.
    void rearm() {
        // A wake-up that came since is overwritten: acquire sees the change that it told of.
        woken_.exchange(false, std::memory_order_acq_rel);
    }
    void clear();

private:
    struct Entry final : sched::Waiter {
        Entry(PollWait& w, sched::WaitQueue& q)
            : Waiter(sched::current(), Kind::watching, After::stays), wait(w), queue(q) {}
        bool woken(std::uint32_t key) override {
            // Exchanged: over a wake-up before, a plain store would cut what that one releases.
            wait.woken_.exchange(true, std::memory_order_release);
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
