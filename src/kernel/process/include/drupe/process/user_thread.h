// SPDX-License-Identifier: BSD-2-Clause
// What a thread has because it runs a program: thread id, signal mask and queue, alternate stack,
// and the record of a system call that a signal interrupted.
#pragma once

#include <drupe/arch/trap.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/process/credentials.h>
#include <drupe/process/pending_signals.h>
#include <drupe/process/restart.h>
#include <drupe/process/semaphore_undo.h>
#include <drupe/process/signal_set.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/fd_table.h>

#include <cstdint>

namespace drupe::process {

class Process;

/// What restart_syscall(2) runs: the rest of an interrupted wait with an absolute deadline.
struct RestartBlock {
    using Resume = Result<std::uint64_t> (*)(RestartBlock& block);
    Resume resume = nullptr;
    std::uint64_t args[6] = {};
};

/// A vfork parent waits until its child execs or ends.
struct VforkWait : RefCounted<VforkWait> {
    sched::Completion over;
};

struct UserThread {
    explicit UserThread(Process& p) : process(&p) {}

    sched::Thread* thread = nullptr;
    Process* process;
    Pid tid = 0;
    UserThread* next_by_tid = nullptr; // task_table.cc's

    // Owned by the thread itself, and replaced under the tasks lock: others look at them under it.
    // Each thread holds references of its own to what it shares: the file room does without locks
    // for a table that has only one.
    RefPtr<vfs::FdTable> files;
    RefPtr<vfs::FsContext> fs;
    RefPtr<GroupList> groups;   // that `context` borrows
    vfs::TaskContext context;   // these and what of the process the file room must know
    VirtAddr clear_child_tid{}; // zeroed and futex-woken at exit; 0: none
    VirtAddr robust_list{};     // struct robust_list_head; 0: none
    UserStack alternate{0, ss_disable, 0, 0};
    InterruptedCall interrupted{}; // valid while work_restart is set
    RestartBlock restart;
    RefPtr<VforkWait> vfork;
    RefPtr<SemaphoreUndo> semaphore_undo; // null: it has nothing to take back
    int parent_death_signal = 0;
    std::uint64_t timer_slack = 50'000, default_timer_slack = 50'000; // nanoseconds
    // Of the last fault: for its signal's frame and for the report.
    std::uint64_t fault_address = 0, fault_syndrome = 0;
    arch::Access fault_access = arch::Access::read;
    bool overflowed_stack = false;
    VirtAddr set_child_tid{};      // written when the thread first runs
    arch::TrapFrame first_frame{}; // what it starts with

    // Written by the thread itself under the signal lock; senders read under it.
    SignalSet blocked;
    SignalSet waiting_for; // sigtimedwait: wakes although blocked
    SignalSet saved_blocked;
    bool restores_mask = false; // saved_blocked comes back on the way to the program
    QueuedSignal fault;         // for force_signal, which must not need memory
    PendingSignals pending;
};

/// The running thread's program part. Context: a thread of a program.
inline UserThread& current_user() { return *sched::current().user; }
/// What file calls know about their caller.
inline vfs::TaskContext& current_context() { return current_user().context; }

} // namespace drupe::process
