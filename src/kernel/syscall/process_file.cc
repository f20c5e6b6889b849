// SPDX-License-Identifier: BSD-2-Clause
// pidfds. Their signals are in signal.cc, waiting for them in process.cc.
#include "pidfd_call.h"

#include <drupe/process/process_file.h>
#include <drupe/process/task_table.h>

namespace drupe::syscall {
namespace {

using namespace process;

/// PTRACE_MODE_ATTACH_REALCREDS without capabilities one by one.
bool may_take_from(const Process& target) {
    const Credentials& mine = current_process().credentials;
    const Credentials& theirs = target.credentials;
    return &target == &current_process() || mine.is_privileged() ||
           (mine.uid == theirs.uid && mine.uid == theirs.euid && mine.uid == theirs.suid);
}

/// Of any thread that has not let go of it. no_process; not_permitted.
Result<RefPtr<vfs::FdTable>> files_of(const ProcessFile& file) {
    IrqGuard guard{tasks_lock()};
    Process* const target = file.known_locked();
    if (!target) return Errc::no_process;
    if (!may_take_from(*target)) return Errc::not_permitted;
    for (const sched::Thread& thread : target->threads)
        if (thread.user->files) return RefPtr<vfs::FdTable>(thread.user->files);
    return Errc::no_process;
}

} // namespace

Result<Word> open_pidfd(Process& process, std::uint32_t flags) {
    vfs::TaskContext& who = caller();
    RefPtr<vfs::File> file = TRY(ProcessFile::create(process, flags));
    return Word{TRY(who.files->install(std::move(file), true, who.max_descriptors))};
}

Result<Word> pidfd_open(int pid, std::uint32_t flags) {
    if ((flags & ~std::uint32_t{vfs::open_nonblock}) != 0 || pid <= 0) return Errc::invalid;
    const RefPtr<Process> process = find_process(pid);
    if (!process) {
        TRY(with_thread(pid, [](UserThread&) -> Result<void> { return {}; }));
        return Errc::invalid; // a thread's number
    }
    return open_pidfd(*process, flags);
}

Result<Word> pidfd_getfd(int pidfd, int fd, std::uint32_t flags) {
    if (flags != 0) return Errc::invalid;
    vfs::FileRef named = file_at(pidfd);
    auto* const process = named ? vfs::file_as<ProcessFile>(*named) : nullptr;
    if (!process) return Errc::bad_descriptor;
    RefPtr<vfs::File> file = TRY(files_of(*process))->get_ref(static_cast<std::uint32_t>(fd));
    if (!file) return Errc::bad_descriptor;
    vfs::TaskContext& who = caller();
    return Word{TRY(who.files->install(std::move(file), true, who.max_descriptors))};
}

} // namespace drupe::syscall
