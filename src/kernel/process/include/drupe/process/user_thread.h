// SPDX-License-Identifier: BSD-2-Clause
// What a thread has because it runs a program: thread id, signal mask and queue, alternate stack,
// and the record of a system call that a signal interrupted.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/process/pending_signals.h>
#include <drupe/process/restart.h>
#include <drupe/process/signal_set.h>
#include <drupe/sched/thread.h>

#include <cstdint>

namespace drupe::process {

class Process;

/// What restart_syscall(2) runs: the rest of an interrupted wait with an absolute deadline.
struct RestartBlock {
    using Resume = Result<std::uint64_t> (*)(RestartBlock& block);
    Resume resume = nullptr;
    std::uint64_t args[6] = {};
};

/// A vfork parent waits on its child's: released by exec or exit.
struct VforkWait;

struct UserThread {
    UserThread(sched::Thread& t, Process& p) : thread(&t), process(&p) {}

    sched::Thread* thread;
    Process* process;
    Pid tid = 0;
    UserThread* next_by_tid = nullptr; // hash chain, tasks lock

    // Owned by the thread itself.
    VirtAddr clear_child_tid{}; // zeroed and futex-woken at exit; 0: none
    VirtAddr robust_list{};     // struct robust_list_head; 0: none
    UserStack alternate{0, ss_disable, 0, 0};
    InterruptedCall interrupted{}; // valid while work_restart is set
    RestartBlock restart;
    VforkWait* vfork = nullptr;
    int parent_death_signal = 0;

    // Written by the thread itself under the signal lock; senders read under it.
    SignalSet blocked;
    SignalSet waiting_for; // sigtimedwait: wakes although blocked
    SignalSet saved_blocked;
    bool restores_mask = false; // saved_blocked comes back on the way to the program
    PendingSignals pending;
};

/// The running thread's program part. Context: a thread of a program.
inline UserThread& current_user() { return *sched::current().user; }

} // namespace drupe::process
