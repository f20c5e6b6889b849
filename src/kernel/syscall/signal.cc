// SPDX-License-Identifier: BSD-2-Clause
// Signals: decoding and permission. What is done is kernel/process's.
#include "file_call.h"

#include <drupe/process/lifecycle.h>
#include <drupe/process/process_file.h>
#include <drupe/process/return_to_user.h>
#include <drupe/process/signal.h>
#include <drupe/process/task_table.h>
#include <drupe/syscall/handlers.h>

#include <drupe/arch/user_access.h>
#include <drupe/time/clock.h>

#include <cstring>
#include <span>

namespace drupe::syscall {
namespace {

using namespace process;

constexpr Word sigset_bytes = 8;

Result<SignalSet> get_set(VirtAddr at) { return SignalSet(TRY(arch::get_user<Word>(at))); }

Result<void> put_info(VirtAddr at, const SigInfo& info) {
    TRY(arch::put_user(at, info));
    return arch::clear_user_raw(at + sizeof info, SigInfo::user_bytes - sizeof info) == 0
               ? Result<void>{}
               : Errc::fault;
}

bool is_number(int sig) { return sig >= 0 && sig <= signal_count; }

SigInfo from_self(int sig, std::int32_t code) {
    const Process& self = current_process();
    return SigInfo::from_user(sig, code, self.pid, self.credentials.uid);
}

/// Any thread's number stands for its process.
Process* find_by_any_id_locked(Pid id) REQUIRES(tasks_lock()) {
    if (Process* process = find_process_locked(id)) return process;
    UserThread* thread = find_thread_locked(id);
    return thread ? thread->process : nullptr;
}

Result<void> send_to_process(Pid pid, const SigInfo& info) {
    if (pid == current_process().pid) return send_signal(current_process(), info);
    IrqGuard guard{tasks_lock()};
    Process* target = find_by_any_id_locked(pid);
    if (!target) return Errc::no_process;
    TRY(may_signal(*target, info.signo));
    return send_signal_locked(*target, info);
}

/// kill(-1): everybody but the reaper and the caller.
Result<void> send_to_all(const SigInfo& info) {
    IrqGuard guard{tasks_lock()};
    Result<void> outcome = Errc::no_process;
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p)) {
        if (p->is_reaper() || p == &current_process()) continue;
        if (!may_signal(*p, info.signo)) continue;
        outcome = send_signal_locked(*p, info);
    }
    return outcome;
}

/// `process` 0: any.
Result<void> send_to_thread(Pid process, Pid tid, const SigInfo& info) {
    Result<void> outcome;
    if ((process == 0 || process == current_process().pid) &&
        send_signal_to_own_thread(tid, info, outcome))
        return outcome;
    return with_thread(tid, [&](UserThread& thread) -> Result<void> {
        if (process != 0 && thread.process->pid != process) return Errc::no_process;
        TRY(may_signal(*thread.process, info.signo));
        tasks_lock().assert_held();
        return send_signal_locked(thread, info);
    });
}

/// A program's own siginfo. Only to itself may it pretend to be the kernel or kill(2).
Result<void> check_code(const SigInfo& info, Pid target) {
    if ((info.code >= 0 || info.code == si_tkill) && target != current_process().pid)
        return Errc::not_permitted;
    return {};
}

Result<SigInfo> get_info(VirtAddr at, int sig, Pid target) {
    SigInfo info = TRY(arch::get_user<SigInfo>(at));
    info.signo = sig;
    info.timer_mark = 0;
    TRY(check_code(info, target));
    return info;
}

/// The process of a pidfd, or of a directory in /proc. bad_descriptor: it means none.
Result<Pid> pid_meant_by(vfs::File& file) {
    if (auto* const pidfd = vfs::file_as<ProcessFile>(file)) return pidfd->process().pid;
    const Pid pid = file.inode().process();
    return pid != 0 ? Result<Pid>(pid) : Errc::bad_descriptor;
}

Result<Word> done(Result<void> outcome) {
    TRY(outcome);
    return Word{0};
}

} // namespace

Result<Word> kill(int pid, int sig) {
    if (!is_number(sig)) return Errc::invalid;
    const SigInfo info = from_self(sig, si_user);
    if (pid > 0) return done(send_to_process(pid, info));
    if (pid == -1) return done(send_to_all(info));
    if (pid == INT32_MIN) return Errc::no_process;
    return done(send_signal_to_group(pid == 0 ? current_process().group : -pid, info));
}

Result<Word> tkill(int tid, int sig) {
    if (tid <= 0 || !is_number(sig)) return Errc::invalid;
    return done(send_to_thread(0, tid, from_self(sig, si_tkill)));
}

Result<Word> tgkill(int pid, int tid, int sig) {
    if (pid <= 0 || tid <= 0 || !is_number(sig)) return Errc::invalid;
    return done(send_to_thread(pid, tid, from_self(sig, si_tkill)));
}

Result<Word> rt_sigqueueinfo(int pid, int sig, VirtAddr info) {
    if (!is_number(sig)) return Errc::invalid;
    return done(send_to_process(pid, TRY(get_info(info, sig, pid))));
}

Result<Word> rt_tgsigqueueinfo(int pid, int tid, int sig, VirtAddr info) {
    if (pid <= 0 || tid <= 0 || !is_number(sig)) return Errc::invalid;
    return done(send_to_thread(pid, tid, TRY(get_info(info, sig, pid))));
}

Result<Word> pidfd_send_signal(int fd, int sig, VirtAddr info_at, std::uint32_t flags) {
    if (flags != 0) return Errc::invalid;
    const vfs::FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    const Pid pid = TRY(pid_meant_by(*file));
    SigInfo info = from_self(sig, si_user);
    if (raw(info_at) != 0) {
        info = TRY(arch::get_user<SigInfo>(info_at));
        info.timer_mark = 0;
        if (info.signo != sig) return Errc::invalid;
        TRY(check_code(info, pid));
    }
    if (!is_number(sig)) return Errc::invalid;
    IrqGuard guard{tasks_lock()};
    auto* const pidfd = vfs::file_as<ProcessFile>(*file);
    Process* const target = pidfd ? pidfd->known_locked() : find_process_locked(pid);
    if (!target) return Errc::no_process;
    TRY(may_signal(*target, sig));
    return done(send_signal_locked(*target, info));
}

Result<Word> rt_sigaction(int sig, VirtAddr action, VirtAddr old, Word size) {
    if (size != sigset_bytes || !is_signal(sig)) return Errc::invalid;
    SignalActions& actions = *current_process().actions;
    SignalAction previous = actions[sig];
    if (raw(action) != 0) {
        if (never_blocked.has(sig)) return Errc::invalid;
        const auto fresh = TRY(arch::get_user<UserSigAction>(action));
        previous =
            actions.replace(sig, {fresh.handler, fresh.flags & sa_known, SignalSet(fresh.mask)});
    }
    if (raw(old) != 0)
        TRY(arch::put_user(
            old, UserSigAction{previous.handler, previous.flags, 0, previous.mask.raw()}));
    return Word{0};
}

Result<Word> rt_sigprocmask(int how, VirtAddr set, VirtAddr old, Word size) {
    enum { block, unblock, replace };
    if (size != sigset_bytes) return Errc::invalid;
    const SignalSet before = current_user().blocked;
    if (raw(set) != 0) {
        const SignalSet given = TRY(get_set(set));
        switch (how) {
        case block: set_blocked(before | given); break;
        case unblock: set_blocked(before.without(given)); break;
        case replace: set_blocked(given); break;
        default: return Errc::invalid;
        }
    }
    if (raw(old) != 0) TRY(arch::put_user(old, before.raw()));
    return Word{0};
}

Result<Word> rt_sigpending(VirtAddr set, Word size) {
    if (size > sigset_bytes) return Errc::invalid;
    UserThread& self = current_user();
    SignalSet pending;
    {
        IrqGuard guard{self.process->actions->lock};
        pending = (self.pending.set() | self.process->pending.set()) & self.blocked;
    }
    const Word bits = pending.raw();
    return done(arch::copy_to_user(set, &bits, size));
}

Result<Word> rt_sigtimedwait(VirtAddr set, VirtAddr info, VirtAddr timeout, Word size) {
    struct Timespec {
        std::int64_t seconds, nanoseconds;
    };
    if (size != sigset_bytes) return Errc::invalid;
    const SignalSet wanted = TRY(get_set(set));
    Nanos deadline = Nanos::never();
    if (raw(timeout) != 0) {
        const auto span = TRY(arch::get_user<Timespec>(timeout));
        if (span.seconds < 0 || span.nanoseconds < 0 || span.nanoseconds >= 1'000'000'000)
            return Errc::invalid;
        constexpr std::int64_t longest = INT64_MAX / 2 / 1'000'000'000;
        if (span.seconds < longest)
            deadline = time::now() + Nanos::from_seconds(span.seconds) + Nanos{span.nanoseconds};
    }
    const SigInfo taken = TRY(wait_for_signal(wanted, deadline));
    if (raw(info) != 0) TRY(put_info(info, taken));
    return static_cast<Word>(taken.signo);
}

Result<Word> rt_sigsuspend(VirtAddr set, Word size) {
    if (size != sigset_bytes) return Errc::invalid;
    set_temporary_mask(TRY(get_set(set)));
    sched::WaitQueue nobody;
    (void)nobody.wait_until([] { return false; }).ok(); // ends by a signal only
    return Errc::restart_no_handler;
}

Result<Word> sigaltstack(VirtAddr fresh, VirtAddr old) {
    const std::uint64_t sp = sched::current().user_frame->sp();
    UserStack given{};
    if (raw(fresh) != 0) given = TRY(arch::get_user<UserStack>(fresh));
    const UserStack before = TRY(exchange_alternate_stack(raw(fresh) != 0 ? &given : nullptr, sp));
    if (raw(old) != 0) TRY(arch::put_user(old, before));
    return Word{0};
}

Result<Word> rt_sigreturn() {
    arch::TrapFrame& frame = *sched::current().user_frame;
    return_from_handler(frame);
    // The dispatcher writes the result to where it is already.
    return static_cast<Word>(frame.returned());
}

Result<Word> restart_syscall() {
    RestartBlock block = current_user().restart;
    current_user().restart = {};
    if (!block.resume) return Errc::interrupted;
    return block.resume(block);
}

} // namespace drupe::syscall
