// SPDX-License-Identifier: BSD-2-Clause
// Texts about one process or thread, and how one is found.
#pragma once

#include "proc_inodes.h"

#include <drupe/process/process.h>
#include <drupe/process/user_thread.h>

#include <span>

namespace drupe::proc {

/// Whom a file is about. In a process's own directory the thread is the first one.
struct Subject {
    process::Pid pid, tid;
};

struct ProcessFile {
    const char* name;
    std::uint32_t permissions;
    Result<void> (*write)(FormatSink& out, process::Process& process, Subject subject);
    Result<void> (*store)(std::string_view text, process::Process& process,
                          Subject subject) = nullptr;
};
std::span<const ProcessFile> process_files();

/// no_process when it, or the thread, is gone.
Result<RefPtr<process::Process>> find(Subject subject);
Result<process::Pid> process_of_thread(process::Pid tid);
Result<RefPtr<vfs::FdTable>> files_of(Subject subject);
Result<RefPtr<vfs::FsContext>> fs_of(Subject subject);
/// The lowest number >= `from`; 0 when there is none.
process::Pid next_process(process::Pid from);
process::Pid next_thread(process::Pid pid, process::Pid from);
/// May the caller see what is not for everybody? access.
Result<void> may_inspect(const process::Process& process);

} // namespace drupe::proc
