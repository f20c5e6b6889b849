// SPDX-License-Identifier: BSD-2-Clause
#include "timer_files.h"

#include <drupe/arch/user_access.h>
#include <drupe/time/clock.h>
#include <drupe/vfs/timer_file.h>

#include <algorithm>

namespace drupe::vfs {

/// The files whose timers follow the wall clock. Its mutex is taken before any file's.
struct WallTimerFiles {
    sched::Mutex mutex;
    IntrusiveList<TimerFile, &TimerFile::on_wall_> files GUARDED_BY(mutex);
};

namespace {

constinit WallTimerFiles* wall_files = nullptr;

Nanos plus(Nanos a, Nanos b) {
    std::int64_t sum = 0;
    return __builtin_add_overflow(a.ns, b.ns, &sum) ? Nanos{INT64_MAX - 1} : Nanos{sum};
}

} // namespace

Result<void> init_timer_files() {
    wall_files = TRY(make_own<WallTimerFiles>()).leak();
    return {};
}

TimerFile::Alarm::Alarm(TimerFile& o)
    : Timer([](time::Timer& t) {
          TimerFile& file = *static_cast<Alarm&>(t).owner;
          file.has_fired_.store(true, std::memory_order_relaxed);
          file.readable_.wake_all(poll_in);
      }),
      owner(&o) {}

TimerFile::TimerFile(Dentry& dentry, std::uint32_t flags, Follows clock)
    : File(dentry, flags), clock_(clock), alarm_(*this) {}

TimerFile::~TimerFile() {
    follow_wall(false);
    alarm_.cancel();
}

Result<RefPtr<TimerFile>> TimerFile::create(Follows clock, std::uint32_t flags) {
    RefPtr<Dentry> dentry = TRY(create_anonymous("anon_inode:[timerfd]", 0600, false));
    return make_ref<TimerFile>(*dentry, flags | open_read_write, clock);
}

void TimerFile::follow_wall(bool follow) {
    if (clock_ != Follows::wall) return;
    sched::MutexGuard guard(wall_files->mutex);
    if (follow && !on_wall_.is_linked()) wall_files->files.push_back(*this);
    if (!follow && on_wall_.is_linked()) wall_files->files.remove(*this);
}

Nanos TimerFile::now() const { return counts_wall_ ? time::wall() : time::now(); }

/// The alarm is not running and not armed.
void TimerFile::arm() {
    const Nanos at = counts_wall_ ? next_ - time::wall_offset() : next_;
    alarm_.arm({std::max<std::int64_t>(at.ns, 1)}); // 0 is no time
}

/// Turns an alarm that came into a count, and asks for the next.
void TimerFile::collect() {
    if (!has_fired_.load(std::memory_order_relaxed)) return;
    // The clock may have been set back meanwhile: one it was.
    const std::int64_t late = std::max<std::int64_t>((now() - next_).ns, 0);
    const std::int64_t missed = interval_.ns == 0 ? 0 : late / interval_.ns;
    count_ = count_ + 1 + static_cast<std::uint64_t>(missed);
    // Behind the count: nobody finds neither. Pairs with the acquire in is_ready().
    has_fired_.store(false, std::memory_order_release);
    if (interval_.ns == 0) {
        next_ = {0};
        return;
    }
    next_ = plus(next_, {missed * interval_.ns});
    next_ = plus(next_, interval_);
    arm();
}

TimerFile::Setting TimerFile::setting_locked() {
    collect();
    if (next_.ns == 0) return {{0}, interval_};
    // About to fire is not the same as disarmed.
    return {{std::max<std::int64_t>((next_ - now()).ns, 1)}, interval_};
}

TimerFile::Setting TimerFile::setting() {
    sched::MutexGuard guard(mutex_);
    return setting_locked();
}

bool TimerFile::take_cancellation() { return cancels_ && std::exchange(was_set_, false); }

Result<void> TimerFile::set(const Request& request, Setting& before) {
    const bool counts_wall = request.is_absolute && clock_ == Follows::wall;
    follow_wall(counts_wall);
    sched::MutexGuard guard(mutex_);
    before = setting_locked();
    alarm_.cancel();
    has_fired_.store(false, std::memory_order_relaxed);
    count_ = 0;
    counts_wall_ = counts_wall;
    cancels_ = counts_wall && request.cancels_on_set;
    interval_ = request.interval;
    next_ = request.first;
    if (request.first.ns == 0) return {};
    if (!request.is_absolute) next_ = plus(time::now(), request.first);
    arm();
    if (take_cancellation()) return Errc::canceled;
    return {};
}

void TimerFile::wall_clock_was_set() {
    if (!wall_files) return; // there are no files yet
    sched::MutexGuard guard(wall_files->mutex);
    for (TimerFile& file : wall_files->files) {
        sched::MutexGuard setting(file.mutex_);
        if (file.cancels_) {
            file.was_set_ = true;
            file.count_ = file.count_ + 1;
            file.readable_.wake_all(poll_in);
        }
        if (file.next_.ns == 0 || file.has_fired_.load(std::memory_order_relaxed)) continue;
        file.alarm_.cancel();
        if (!file.has_fired_.load(std::memory_order_relaxed)) file.arm();
    }
}

Result<std::size_t> TimerFile::read(IoBuffer& buffer) {
    if (buffer.size() < sizeof(std::uint64_t)) return Errc::invalid;
    for (;;) {
        std::uint64_t count = 0;
        {
            sched::MutexGuard guard(mutex_);
            collect();
            count = count_.exchange(0);
            if (take_cancellation()) return Errc::canceled;
        }
        if (count != 0) return buffer.put(&count, sizeof count);
        if (is_nonblocking()) return Errc::would_block;
        TRY(readable_.wait_until([this] { return is_ready(); }));
    }
}

Result<std::uint64_t> TimerFile::ioctl(std::uint32_t request, std::uint64_t argument) {
    constexpr std::uint32_t set_ticks = 0x4008'5400; // _IOW('T', 0, __u64)
    if (request != set_ticks) return Errc::not_terminal;
    const auto ticks = TRY(arch::get_user<std::uint64_t>(VirtAddr{argument}));
    if (ticks == 0) return Errc::invalid;
    sched::MutexGuard guard(mutex_);
    collect();
    if (take_cancellation()) return Errc::canceled;
    count_ = ticks;
    readable_.wake_all(poll_in);
    return std::uint64_t{0};
}

std::uint32_t TimerFile::poll(PollWatcher* watcher) {
    if (watcher) watcher->watch(readable_);
    return is_ready() ? std::uint32_t{poll_in} : 0u;
}

} // namespace drupe::vfs
