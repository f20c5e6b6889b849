// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/process_file.h>

#include <drupe/process/task_table.h>

namespace drupe::process {

Result<RefPtr<ProcessFile>> ProcessFile::create(Process& process, std::uint32_t flags) {
    RefPtr<vfs::Dentry> dentry = TRY(vfs::create_anonymous("anon_inode:[pidfd]", 0600, false));
    return make_ref<ProcessFile>(*dentry, flags | vfs::open_read_write, process);
}

ProcessFile::ProcessFile(vfs::Dentry& dentry, std::uint32_t flags, Process& process)
    : File(dentry, flags), process_(&process) {}

Process* ProcessFile::known_locked() const {
    return find_process_locked(process_->pid) == process_.get() ? process_.get() : nullptr;
}

Pid ProcessFile::pid() const {
    IrqGuard guard{tasks_lock()};
    const Process* const known = known_locked();
    return known ? known->pid : -1;
}

std::uint32_t ProcessFile::poll(vfs::PollWatcher* watcher) {
    if (watcher) watcher->watch(process_->ended);
    IrqGuard guard{tasks_lock()};
    return process_->is_zombie ? std::uint32_t{vfs::poll_in} : 0u;
}

} // namespace drupe::process
