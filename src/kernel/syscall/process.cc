// SPDX-License-Identifier: BSD-2-Clause
// Threads and processes: beginning, ending, waiting.
#include "file_call.h"

#include <drupe/process/lifecycle.h>
#include <drupe/process/process_file.h>
#include <drupe/process/task_table.h>
#include <drupe/process/unshare.h>
#include <drupe/syscall/handlers.h>

#include <drupe/arch/user_access.h>
#include <drupe/time/clock.h>

namespace drupe::syscall {
namespace {

using namespace process;

// [linux] uapi/linux/wait.h
enum WaitOption : int {
    wait_nohang = 1,
    wait_untraced = 2, // also WSTOPPED
    wait_exited = 4,
    wait_continued = 8,
    wait_nowait = 0x0100'0000,
    wait_nothread = 0x2000'0000,
    wait_all = 0x4000'0000,
    wait_clone = static_cast<int>(0x8000'0000),
};
constexpr int wait_kinds = wait_nothread | wait_all | wait_clone;

struct Rusage {
    std::int64_t user_seconds, user_microseconds;
    std::int64_t system_seconds, system_microseconds;
    std::int64_t max_resident_kib;
    std::int64_t counts[13];
};
static_assert(sizeof(Rusage) == 144);

Result<void> put_usage(VirtAddr at, const WaitResult& child) {
    if (raw(at) == 0) return {};
    Rusage usage{};
    usage.user_seconds = child.cpu_time.ns / 1'000'000'000;
    usage.user_microseconds = child.cpu_time.ns % 1'000'000'000 / 1000;
    usage.max_resident_kib = static_cast<std::int64_t>(child.most_resident.bytes() / 1024);
    return arch::put_user(at, usage);
}

/// __WALL, __WCLONE. Children belong to the process: __WNOTHREAD changes nothing.
void choose_kinds(WaitRequest& request, int options) {
    const bool all = (options & wait_all) != 0;
    request.clones = all || (options & wait_clone) != 0;
    request.ordinary = all || !request.clones;
}

SigInfo info_of(const WaitResult& result) {
    const WaitStatus status = result.status;
    SignalCode code = child_exited;
    int what = status.code();
    if (status == WaitStatus::continued()) {
        code = child_continued;
        what = sigcont;
    } else if (status.is_killed()) {
        code = status.has_dumped() ? child_dumped : child_killed;
        what = status.signal();
    } else if (!status.is_exited()) {
        code = child_stopped;
    }
    SigInfo info = SigInfo::from_user(sigchld, code, result.pid, result.uid);
    info.u.child.status = what;
    return info;
}

} // namespace

Result<Word> exit(int code) { exit_thread(code); }
Result<Word> exit_group(int code) { exit_process(WaitStatus::exited(code)); }

Result<Word> set_tid_address(VirtAddr at) {
    current_user().clear_child_tid = at;
    return static_cast<Word>(current_user().tid);
}

Result<Word> set_robust_list(VirtAddr head, Word size) {
    constexpr Word head_bytes = 24;
    if (size != head_bytes) return Errc::invalid;
    current_user().robust_list = head;
    return Word{0};
}

Result<Word> get_robust_list(int tid, VirtAddr head, VirtAddr size) {
    std::uint64_t list = raw(current_user().robust_list);
    if (tid != 0)
        TRY(with_thread(tid, [&](UserThread& thread) -> Result<void> {
            if (thread.process != &current_process() &&
                !current_process().credentials.is_privileged())
                return Errc::not_permitted;
            list = raw(thread.robust_list);
            return {};
        }));
    TRY(arch::put_user(head, list));
    TRY(arch::put_user(size, Word{24}));
    return Word{0};
}

Result<Word> clone(Word flags, VirtAddr stack, VirtAddr parent_tid, Word tls, VirtAddr child_tid) {
    // The one word serves both.
    if ((flags & clone_pidfd) != 0 && (flags & clone_parent_settid) != 0) return Errc::invalid;
    const CloneRequest request{.flags = flags,
                               .stack = stack,
                               .parent_tid = parent_tid,
                               .tls = VirtAddr{tls},
                               .child_tid = child_tid,
                               .pidfd = parent_tid};
    return static_cast<Word>(TRY(process::clone(*sched::current().user_frame, request)));
}

Result<Word> unshare(Word flags) {
    TRY(process::unshare(flags));
    return Word{0};
}

Result<Word> wait4(int pid, VirtAddr status, int options, VirtAddr usage) {
    if ((options & ~(wait_nohang | wait_untraced | wait_continued | wait_kinds)) != 0)
        return Errc::invalid;
    if (pid == INT32_MIN) return Errc::no_process;
    WaitRequest request;
    request.which = pid;
    choose_kinds(request, options);
    request.stopped = (options & wait_untraced) != 0;
    request.continued = (options & wait_continued) != 0;
    request.no_hang = (options & wait_nohang) != 0;
    const WaitResult result = TRY(wait_child(request));
    if (result.pid == 0) return Word{0};
    if (raw(status) != 0) TRY(arch::put_user(status, result.status.raw()));
    TRY(put_usage(usage, result));
    return static_cast<Word>(result.pid);
}

Result<Word> waitid(int kind, int id, VirtAddr info, int options, VirtAddr usage) {
    enum { any, one, group, file };
    constexpr int kinds = wait_exited | wait_untraced | wait_continued;
    if ((options & ~(kinds | wait_nohang | wait_nowait | wait_kinds)) != 0 ||
        (options & kinds) == 0)
        return Errc::invalid;
    WaitRequest request;
    const vfs::FileRef named = kind == file ? file_at(id) : vfs::FileRef{nullptr, false};
    switch (kind) {
    case any: request.which = -1; break;
    case one:
        if (id <= 0) return Errc::invalid;
        request.which = id;
        break;
    case group:
        if (id < 0) return Errc::invalid;
        request.which = id == 0 ? 0 : -id;
        break;
    case file: {
        if (id < 0) return Errc::invalid;
        auto* const process = named ? vfs::file_as<ProcessFile>(*named) : nullptr;
        if (!process) return Errc::bad_descriptor;
        request.only = &process->process();
        break;
    }
    default: return Errc::invalid;
    }
    choose_kinds(request, options);
    request.exited = (options & wait_exited) != 0;
    request.stopped = (options & wait_untraced) != 0;
    request.continued = (options & wait_continued) != 0;
    const bool fails_instead = named && named->is_nonblocking() && (options & wait_nohang) == 0;
    request.no_hang = (options & wait_nohang) != 0 || fails_instead;
    request.keep = (options & wait_nowait) != 0;
    const WaitResult result = TRY(wait_child(request));
    if (result.pid == 0 && fails_instead) return Errc::would_block;
    if (raw(info) != 0) {
        // waitid writes only the fields that a child's siginfo has, all zero when there is none.
        const SigInfo found = result.pid != 0 ? info_of(result) : SigInfo{};
        TRY(arch::copy_to_user(info, &found, offsetof(SigInfo, u) + 3 * sizeof(std::int32_t)));
    }
    if (result.pid != 0) TRY(put_usage(usage, result));
    return Word{0};
}

Result<Word> times(VirtAddr at) {
    constexpr std::int64_t tick = 10'000'000; // USER_HZ is 100
    struct Times {
        std::int64_t user, system, children_user, children_system;
    };
    Process& self = current_process();
    if (raw(at) != 0)
        TRY(arch::put_user(
            at, Times{self.cpu_time().ns / tick, 0, self.cpu_time_of_children().ns / tick, 0}));
    return static_cast<Word>(time::now().ns / tick);
}

} // namespace drupe::syscall
