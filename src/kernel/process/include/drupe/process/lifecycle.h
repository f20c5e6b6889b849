// SPDX-License-Identifier: BSD-2-Clause
// Birth and death of processes and threads.
#pragma once

#include <drupe/arch/trap.h>
#include <drupe/process/process.h>

namespace drupe::process {

/// Called in thread context by the last thread of the machine's program; ends the machine.
using ProgramEnded = void (*)(Process& program, WaitStatus status);

/// Makes the reaper, process 1. Once, before anything else here. no_memory.
Result<void> init(ProgramEnded ended);
Process& reaper();
/// The machine's program, once started; null before.
Process* program();

/// Starts `process`, made by Process::create with image and actions filled in, as the machine's
/// program: one thread at `start`. Returns its pid. no_memory.
struct Start {
    VirtAddr pc{}, sp{};
    RefPtr<vfs::FdTable> files;
    RefPtr<vfs::FsContext> fs;
    /// It has its pid, group and session and does not run yet. May be null.
    void (*on_ready)(const Process& process) = nullptr;
};
Result<Pid> start_program(RefPtr<Process> process, Start start);

/// clone(2)'s flags, [linux] include/uapi/linux/sched.h. The low byte is the exit signal.
enum CloneFlag : std::uint64_t {
    clone_signal_mask = 0xff,
    clone_vm = 0x100,
    clone_fs = 0x200,
    clone_files = 0x400,
    clone_sighand = 0x800,
    clone_pidfd = 0x1000,
    clone_vfork = 0x4000,
    clone_parent = 0x8000,
    clone_thread = 0x10000,
    clone_newns = 0x20000,
    clone_sysvsem = 0x40000,
    clone_settls = 0x80000,
    clone_parent_settid = 0x100000,
    clone_child_cleartid = 0x200000,
    clone_detached = 0x400000,
    clone_untraced = 0x800000,
    clone_child_settid = 0x1000000,
    clone_clear_sighand = 0x1'0000'0000,
    clone_into_cgroup = 0x2'0000'0000,
};
struct CloneRequest {
    std::uint64_t flags = 0;
    VirtAddr stack{}; // 0: the caller's
    VirtAddr parent_tid{};
    VirtAddr tls{};
    VirtAddr child_tid{};
    VirtAddr pidfd{};
    Pid wanted_id = 0; // 0: any
};
/// A new thread or process that goes on where `frame` does, with result 0. Returns its id.
/// invalid, would_block, no_memory; too_many_files, fault: of the pidfd; exists, not_permitted: of
/// the wanted number.
Result<Pid> clone(const arch::TrapFrame& frame, const CloneRequest& request);

/// Ends the running thread; with the last one its process, with exit status `code`.
[[noreturn]] void exit_thread(int code);
/// Ends all threads of the running process. The first status given counts.
[[noreturn]] void exit_process(WaitStatus status);
/// Before exec: ends every other thread and takes over the leader's id. interrupted: somebody else
/// is already ending or replacing the process.
Result<void> become_only_thread();
/// exec's last step: the process runs `image` from now on. Handlers are reset, close-on-exec files
/// closed by the caller, a vfork parent released.
void adopt_image(RefPtr<Image> image);

/// wait4 and waitid. `which` > 0: that pid; -1: any; 0: own group; < -1: group -which.
struct WaitRequest {
    Pid which = -1;
    const Process* only = nullptr; // not null: this one, whatever `which` is
    /// Children whose end sends SIGCHLD, and those whose end sends something else, or nothing.
    bool ordinary = true, clones = false;
    bool exited = true, stopped = false, continued = false;
    bool no_hang = false, keep = false;
};
struct WaitResult {
    Pid pid = 0; // 0: no_hang and nothing to report
    std::uint32_t uid = 0;
    WaitStatus status;
    Nanos cpu_time{0};
    PageCount most_resident{0}; // in use at once, by the child or one it waited for
};
/// no_child, restart.
Result<WaitResult> wait_child(const WaitRequest& request);

} // namespace drupe::process
