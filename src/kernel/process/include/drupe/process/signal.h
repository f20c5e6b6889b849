// SPDX-License-Identifier: BSD-2-Clause
// Sending signals: the door for system calls, timers, terminals and faults. What is done with a
// signal is decided when the target returns to its program (return_to_user.h).
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/result.h>
#include <drupe/process/signal_set.h>
#include <drupe/process/tasks_lock.h>

namespace drupe::process {

class Process;
struct UserThread;

/// A signal waiting in a queue. Timers embed one, so that an expiry needs no memory; one that was
/// allocated frees itself when it is taken, and with it the user's share (RLIMIT_SIGPENDING).
struct QueuedSignal {
    SigInfo info;
    ListHook hook;
    bool is_allocated = false;
    std::uint32_t charged_uid = 0; // allocated ones'
    bool is_queued() const { return hook.is_linked(); }
};

/// Signal 0 checks that the target exists and sends nothing, everywhere below.

/// To a process: any thread that does not block it takes it. would_block: a real-time signal could
/// not be queued (no memory, or the user has too many queued). Context: thread; no lock of rank
/// `process` or lower held; the
/// `_locked` ones under the tasks lock.
Result<void> send_signal(Process& target, const SigInfo& info);
Result<void> send_signal_locked(Process& target, const SigInfo& info) REQUIRES(tasks_lock());
/// To one thread (tgkill).
Result<void> send_signal_locked(UserThread& target, const SigInfo& info) REQUIRES(tasks_lock());
/// To a thread of the running process, without the tasks lock. False: it has no such thread, or the
/// signal needs that lock; nothing was sent.
bool send_signal_to_own_thread(Pid tid, const SigInfo& info, Result<void>& outcome);
/// To every process of a group; no_process when there is none.
Result<void> send_signal_to_group(Pid group, const SigInfo& info);

/// From an interrupt handler or a timer: never allocates, cannot fail; SI_KERNEL. A standard signal
/// only. Same rule about locks: a terminal gives its own up before it signals. False: it was
/// pending already, or the process ignores it. The caller keeps the process.
bool post_signal(Process& target, int signo);
void post_signal_to_group(Pid group, int signo);
/// With the caller's own node; SI_TIMER. Queued also beside others of its number. The process's
/// timers hear of `mark`, which is not 0, when it is taken (ProcessExtension::on_signal_taken); so
/// they do for one still queued from before. False: not queued now. The node must outlive the queue
/// or be withdrawn.
bool post_signal(Process& target, QueuedSignal& node, std::int32_t mark);
/// To the thread `tid` of the process, if it still lives.
bool post_signal(Process& target, Pid tid, QueuedSignal& node, std::int32_t mark);
/// The running thread has taken it: what it says of a timer is brought up to this moment. Context:
/// thread, no lock held.
void complete_taken(SigInfo& info);
/// An instruction of the running thread raised it: cannot be blocked or ignored, that kills.
void force_signal(const SigInfo& info);
/// Takes the node back if it still waits in a queue of the running process or its threads.
void withdraw_signal(Process& target, QueuedSignal& node);

/// May the running process signal the target? not_permitted. (kill(2), "Permissions".)
Result<void> may_signal(const Process& target, int signo);

} // namespace drupe::process
