// SPDX-License-Identifier: BSD-2-Clause
// A process: what its threads share. Process 1 is the kernel's reaper and has no program; the
// program the machine was started for is the next one. Everything clone(2) can share is a
// reference-counted object of its own, so that fork copies and CLONE_* shares without a new design.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/process/credentials.h>
#include <drupe/process/image.h>
#include <drupe/process/pending_signals.h>
#include <drupe/process/signal_actions.h>
#include <drupe/process/user_thread.h>
#include <drupe/process/wait_status.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>

#include <atomic>
#include <string_view>

namespace drupe::process {

/// State that system calls keep for a process without this room knowing it (its timers). Deleted
/// when the last thread is gone, and by exec.
class ProcessExtension {
public:
    virtual ~ProcessExtension() = default;
    /// A new program replaces the old one. Interval timers survive, POSIX timers do not.
    virtual void on_exec() {}
};

class Process : public RefCounted<Process> {
public:
    /// A process without threads, child of `parent` (null: the reaper itself), in its group and
    /// session, with its credentials and limits. It is not yet found by its pid. no_memory.
    static Result<RefPtr<Process>> create(Process* parent);
    static void destroy(Process* process);

    Pid pid = 0;
    std::atomic<Pid> parent_pid{0}; // getppid takes no lock

    // Constant while several threads live; exec replaces them when one is left.
    RefPtr<Image> image;
    RefPtr<SignalActions> actions;
    OwnPtr<ProcessExtension> timers; // setitimer, timer_create

    // Changed by the process's own threads; others read single words.
    Credentials credentials;
    Limits limits = default_limits;
    /// To be called after a change of credentials or limits: tells the files of every thread and
    /// the address space.
    void apply_changes();
    /// The same for a thread not yet published.
    void refresh(vfs::TaskContext& context) const;
    const Limit& limit(Resource r) const { return limits[static_cast<std::size_t>(r)]; }
    std::uint32_t personality = 0;
    int exit_signal = sigchld; // sent to the parent at death; 0: none
    bool has_run_exec = false; // since fork: the parent may no longer change its group
    bool is_subreaper = false;

    // Under actions->lock.
    PendingSignals pending;
    bool is_exiting = false;        // every thread leaves as soon as it sees it
    bool is_stopped = false;        // every thread parks
    WaitStatus status;              // valid with is_exiting or is_stopped
    UserThread* survivor = nullptr; // execs: every other thread leaves
    std::uint32_t parked = 0;       // threads waiting for SIGCONT
    sched::WaitQueue continued;     // where they wait

    // Under the tasks lock (task_table.h). The list of threads changes under both locks, so either
    // is enough to read it.
    Process* parent = nullptr;
    Pid group = 0, session = 0;
    bool is_zombie = false;    // no thread left, status not yet waited for
    bool reports_stop = false; // a stop or a continuation that wait has not reported yet
    bool reports_continue = false;
    std::uint32_t thread_count = 0;
    IntrusiveList<sched::Thread, &sched::Thread::process_hook> threads;
    ListHook sibling_hook;
    IntrusiveList<Process, &Process::sibling_hook> children;
    Process* next_process = nullptr;
    Process* previous_process = nullptr;
    Process* next_by_pid = nullptr;
    sched::WaitQueue child_changed; // wait4 sleeps here
    sched::WaitQueue thread_gone;   // exec sleeps here
    Nanos ended_threads_time{0};    // CPU time of threads that are gone
    Nanos children_time{0};         // of children waited for
    Nanos started{0};

    /// CPU time of all threads, gone ones included. Takes the tasks lock.
    Nanos cpu_time();
    bool is_reaper() const { return pid == 1; }

private:
    Process() = default;
    ~Process();
};

/// The process of the running thread. Context: a thread of a program.
inline Process& current_process() { return *sched::current().process; }

} // namespace drupe::process
