// SPDX-License-Identifier: BSD-2-Clause
// timerfd: a timer whose expiries are counted and read. Between an expiry and its reading no
// further interrupt is asked for, however short the interval: the reader computes what it missed.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/relaxed.h>
#include <drupe/base/result.h>
#include <drupe/sched/mutex.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/time/timer.h>
#include <drupe/vfs/file.h>

#include <atomic>
#include <cstdint>

namespace drupe::vfs {

class TimerFile final : public File {
public:
    /// Of the clocks only this matters: does setting the wall clock set it?
    enum class Follows : bool { monotonic, wall };
    static inline constinit const char class_tag = 0;
    /// flags: open_nonblock. no_memory.
    static Result<RefPtr<TimerFile>> create(Follows clock, std::uint32_t flags);
    TimerFile(Dentry& dentry, std::uint32_t flags, Follows clock);
    ~TimerFile() override;

    struct Setting {
        Nanos left;     // until the next expiry; 0: disarmed
        Nanos interval; // 0: once
    };
    struct Request {
        Nanos first; // 0 disarms
        Nanos interval;
        bool is_absolute;
        /// Reading fails once after the wall clock was set. Only for absolute times on it.
        bool cancels_on_set;
    };
    /// Starts anew; forgets expiries that were not read. What was set before goes to `before`.
    /// canceled: done, but the clock was set since the last look.
    Result<void> set(const Request& request, Setting& before);
    Setting setting();

    /// Timers that wait for a time on the wall clock wait for that time on the clock as it is now.
    /// Context: thread.
    static void wall_clock_was_set();

    /// A count of 8 bytes. invalid when fewer are asked for; canceled.
    Result<std::size_t> read(IoBuffer& buffer) override;
    Result<std::size_t> write(IoBuffer&) override { return Errc::invalid; }
    Result<std::uint64_t> seek(std::int64_t, int) override { return std::uint64_t{0}; }
    std::uint32_t poll(PollWatcher* watcher) override;
    /// TFD_IOC_SET_TICKS: the count that a read gives, as if so many had expired. invalid (none),
    /// canceled.
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument) override;
    bool can_poll() const override { return true; }
    const void* tag() const override { return &class_tag; }

private:
    struct Alarm : time::Timer {
        explicit Alarm(TimerFile& o);
        TimerFile* owner;
    };
    bool is_ready() const {
        // Acquire pairs with the release in collect(): what came and is counted is seen there.
        return has_fired_.load(std::memory_order_acquire) || count_ != 0;
    }
    Nanos now() const REQUIRES(mutex_);
    void arm() REQUIRES(mutex_);
    void collect() REQUIRES(mutex_);
    Setting setting_locked() REQUIRES(mutex_);
    bool take_cancellation() REQUIRES(mutex_);
    void follow_wall(bool follow);

    const Follows clock_;
    std::atomic<bool> has_fired_{false}; // set by the alarm; what it means is found out later
    Relaxed<std::uint64_t> count_{0};    // written under mutex_
    sched::WaitQueue readable_;
    sched::Mutex mutex_;               // taken after the list's
    Nanos next_ GUARDED_BY(mutex_){0}; // on the wall clock when counts_wall_; 0: disarmed
    Nanos interval_ GUARDED_BY(mutex_){0};
    bool counts_wall_ GUARDED_BY(mutex_) = false;
    bool cancels_ GUARDED_BY(mutex_) = false;
    bool was_set_ GUARDED_BY(mutex_) = false;
    Alarm alarm_;
    ListHook on_wall_; // under the list's mutex
    friend struct WallTimerFiles;
};

} // namespace drupe::vfs
