// SPDX-License-Identifier: BSD-2-Clause
// pidfd: a process as a file. It means this process for ever, also when its number is another's.
#pragma once

#include <drupe/process/process.h>
#include <drupe/vfs/file.h>

namespace drupe::process {

class ProcessFile final : public vfs::File {
public:
    static inline constinit const char class_tag = 0;
    /// flags: open_nonblock, for waitid. `process` need not be known yet. no_memory.
    static Result<RefPtr<ProcessFile>> create(Process& process, std::uint32_t flags);
    ProcessFile(vfs::Dentry& dentry, std::uint32_t flags, Process& process);

    Process& process() const { return *process_; }
    /// Null: it has ended, and has been waited for if anybody wanted that.
    Process* known_locked() const REQUIRES(tasks_lock());
    /// The process's number, for /proc; -1 when it is not known any more. Takes the tasks lock.
    Pid pid() const;

    Result<std::size_t> read(vfs::IoBuffer&) override { return Errc::invalid; }
    Result<std::size_t> write(vfs::IoBuffer&) override { return Errc::invalid; }
    /// Readable when the last thread has ended.
    std::uint32_t poll(vfs::PollWatcher* watcher) override;
    bool can_poll() const override { return true; }
    const void* tag() const override { return &class_tag; }

private:
    RefPtr<Process> process_;
};

} // namespace drupe::process
