// SPDX-License-Identifier: BSD-2-Clause
// Processes and threads by number.
#include "process_files.h"

#include <drupe/process/task_table.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/fd_table.h>

namespace drupe::proc {

using process::Pid;
using process::Process;
using process::UserThread;

namespace {

/// Any living thread of the subject's process, the named one if it lives.
UserThread* thread_locked(Subject subject) REQUIRES(process::tasks_lock()) {
    if (UserThread* thread = process::find_thread_locked(subject.tid))
        return thread->process->pid == subject.pid ? thread : nullptr;
    Process* process = process::find_process_locked(subject.pid);
    sched::Thread* first = process ? process->threads.front() : nullptr;
    return first ? first->user : nullptr;
}

} // namespace

Result<RefPtr<Process>> find(Subject subject) {
    IrqGuard guard{process::tasks_lock()};
    Process* process = process::find_process_locked(subject.pid);
    if (!process) return Errc::not_found;
    if (subject.tid != subject.pid) {
        UserThread* thread = process::find_thread_locked(subject.tid);
        if (!thread || thread->process != process) return Errc::not_found;
    }
    return RefPtr<Process>(process);
}

Result<Pid> process_of_thread(Pid tid) {
    IrqGuard guard{process::tasks_lock()};
    if (UserThread* thread = process::find_thread_locked(tid)) return thread->process->pid;
    if (Process* process = process::find_process_locked(tid)) return process->pid;
    return Errc::not_found;
}

Result<RefPtr<vfs::FdTable>> files_of(Subject subject) {
    IrqGuard guard{process::tasks_lock()};
    UserThread* thread = thread_locked(subject);
    if (!thread || !thread->files) return Errc::not_found;
    return RefPtr<vfs::FdTable>(thread->files);
}

Result<RefPtr<vfs::FsContext>> fs_of(Subject subject) {
    IrqGuard guard{process::tasks_lock()};
    UserThread* thread = thread_locked(subject);
    if (!thread || !thread->fs) return Errc::not_found;
    return RefPtr<vfs::FsContext>(thread->fs);
}

Pid next_process(Pid from) {
    Pid best = 0;
    process::for_each_process([&](Process& process) {
        if (process.pid >= from && (best == 0 || process.pid < best)) best = process.pid;
    });
    return best;
}

Pid next_thread(Pid pid, Pid from) {
    IrqGuard guard{process::tasks_lock()};
    Process* process = process::find_process_locked(pid);
    Pid best = 0;
    if (!process) return best;
    for (sched::Thread& thread : process->threads) {
        const Pid tid = thread.user->tid;
        if (tid >= from && (best == 0 || tid < best)) best = tid;
    }
    return best;
}

Result<void> may_inspect(const Process& process) {
    const process::Credentials& mine = process::current_process().credentials;
    const process::Credentials& theirs = process.credentials;
    if (mine.euid == 0 || &process == &process::current_process()) return {};
    if (mine.fsuid == theirs.uid && theirs.uid == theirs.euid && theirs.uid == theirs.suid)
        return {};
    return Errc::access;
}

} // namespace drupe::proc
