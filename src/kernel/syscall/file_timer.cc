// SPDX-License-Identifier: BSD-2-Clause
// timerfd's calls.
#include "file_call.h"
#include "user_time.h"

#include <drupe/process/process.h>
#include <drupe/vfs/timer_file.h>

namespace drupe::syscall {

using namespace vfs;

namespace {

enum : int { timer_absolute = 1, timer_cancel_on_set = 2 };

UserItimerspec to_user(const TimerFile::Setting& setting) {
    return {to_timespec(setting.interval), to_timespec(setting.left)};
}

Result<TimerFile*> timer_of(const FileRef& file) {
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    auto* timer = file_as<TimerFile>(*file);
    if (!timer) return Errc::invalid;
    return timer;
}

} // namespace

Result<Word> timerfd_create(int clock, int flags) {
    const auto wanted = static_cast<std::uint32_t>(flags);
    if (wanted & ~(open_cloexec | open_nonblock)) return Errc::invalid;
    switch (clock) {
    case clock_realtime:
    case clock_monotonic:
    case clock_boottime: break;
    case clock_realtime_alarm:
    case clock_boottime_alarm: // the machine never sleeps: nothing to wake it from
        if (!process::current_process().credentials.is_privileged()) return Errc::not_permitted;
        break;
    default: return Errc::invalid;
    }
    TaskContext& who = caller();
    const auto follows =
        is_wall_clock(clock) ? TimerFile::Follows::wall : TimerFile::Follows::monotonic;
    RefPtr<File> file = TRY(TimerFile::create(follows, wanted & open_nonblock));
    return Word{TRY(
        who.files->install(std::move(file), (wanted & open_cloexec) != 0, who.max_descriptors))};
}

Result<Word> timerfd_settime(int fd, int flags, VirtAddr wanted, VirtAddr before) {
    const auto user = TRY(arch::get_user<UserItimerspec>(wanted));
    if (flags & ~(timer_absolute | timer_cancel_on_set)) return Errc::invalid;
    const Nanos first = TRY(to_nanos(user.value));
    const Nanos interval = TRY(to_nanos(user.interval));
    FileRef file = file_at(fd);
    TimerFile* timer = TRY(timer_of(file));
    TimerFile::Setting old{};
    TRY(timer->set({.first = first,
                    .interval = interval,
                    .is_absolute = (flags & timer_absolute) != 0,
                    .cancels_on_set = (flags & timer_cancel_on_set) != 0},
                   old));
    if (raw(before) != 0) TRY(arch::put_user(before, to_user(old)));
    return Word{0};
}

Result<Word> timerfd_gettime(int fd, VirtAddr at) {
    FileRef file = file_at(fd);
    TimerFile* timer = TRY(timer_of(file));
    TRY(arch::put_user(at, to_user(timer->setting())));
    return Word{0};
}

} // namespace drupe::syscall
