// SPDX-License-Identifier: BSD-2-Clause
// A process: what its threads share. Process 1 is the kernel's reaper and has no program; the
// program the machine was started for is the next one. Everything clone(2) can share is a
// reference-counted object of its own, so that fork copies and CLONE_* shares without a new design.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/relaxed.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/process/credentials.h>
#include <drupe/process/image.h>
#include <drupe/process/pending_signals.h>
#include <drupe/process/signal_actions.h>
#include <drupe/process/tasks_lock.h>
#include <drupe/process/user_thread.h>
#include <drupe/process/wait_status.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>

#include <string_view>

namespace drupe::process {

/// State that system calls keep for a process without this room knowing it (its timers). Deleted
/// when the last thread is gone, and by exec.
class ProcessExtension {
public:
    virtual ~ProcessExtension() = default;
    /// A new program replaces the old one. Interval timers survive, POSIX timers do not.
    virtual void on_exec() {}
    /// A timer's signal, marked, is about to reach the program: its overrun is filled in.
    /// Context: thread, no lock held.
    virtual void on_signal_taken(SigInfo&) {}
};

struct CoreDump;

class Process : public RefCounted<Process> {
public:
    /// A process without threads, child of `parent` (null: the reaper itself), in its group and
    /// session, with its credentials and limits. It is not yet found by its pid. no_memory.
    static Result<RefPtr<Process>> create(Process* parent);
    static void destroy(Process* process);

    Pid pid = 0;
    Relaxed<Pid> parent_pid{0}; // getppid takes no lock

    // Constant while several threads live; exec replaces them when one is left, under the tasks
    // lock: whoever is no thread of the process looks at them under that lock.
    RefPtr<Image> image;
    RefPtr<SignalActions> actions;
    SpinLock<LockRank::actions> actions_lock; // held, too, while exec replaces them: for timers
    OwnPtr<ProcessExtension> timers;          // setitimer, timer_create; made under the tasks lock
    /// The image, for others than the process's own threads. Null: the process has ended.
    RefPtr<Image> image_now() const;

    // Changed under the tasks lock; single words are read without it.
    Credentials credentials;
    Limits limits = default_limits;
    /// To be called after a change of credentials or limits: tells the address space and every
    /// thread, each of which looks at them on its next way to its program.
    void apply_changes();
    /// For the running thread, or one not yet published: what its file calls know of the process.
    void refresh_locked(UserThread& thread) const REQUIRES(tasks_lock());
    const Limit& limit(Resource r) const { return limits[static_cast<std::size_t>(r)]; }
    std::uint32_t personality = 0;
    std::int32_t oom_score_adjust = 0; // /proc: kept for the asking; inherited
    int exit_signal = sigchld;         // sent to the parent at death; 0: none
    bool has_run_exec = false;         // since fork: the parent may no longer change its group
    bool is_subreaper = false;

    // Changed under actions->lock. The process's threads look at the atomic ones without it, after
    // they took back the flag that says that something changed.
    PendingSignals pending GUARDED_BY(actions->lock);
    Relaxed<bool> is_exiting{false};        // every thread leaves as soon as it sees it
    Relaxed<bool> is_stopped{false};        // every thread parks
    WaitStatus status;                      // valid with is_exiting or is_stopped
    Relaxed<UserThread*> survivor{nullptr}; // execs: every other thread leaves
    Relaxed<CoreDump*> core_dump{nullptr};  // under way: every other thread stands still
    std::uint32_t parked GUARDED_BY(actions->lock) = 0; // threads waiting for SIGCONT
    sched::WaitQueue continued;                         // where they wait

    // Under the tasks lock. The list of threads changes under both locks, so either
    // is enough to read it.
    Process* parent GUARDED_BY(tasks_lock()) = nullptr;
    Pid group = 0, session = 0;
    bool is_zombie GUARDED_BY(tasks_lock()) = false; // no thread left, status not yet waited for
    // A stop or a continuation that wait has not reported yet.
    bool reports_stop GUARDED_BY(tasks_lock()) = false;
    bool reports_continue GUARDED_BY(tasks_lock()) = false;
    Relaxed<std::uint32_t> thread_count{0};
    IntrusiveList<sched::Thread, &sched::Thread::process_hook> threads;
    ListHook sibling_hook;
    IntrusiveList<Process, &Process::sibling_hook> children GUARDED_BY(tasks_lock());
    Process* next_process GUARDED_BY(tasks_lock()) = nullptr;
    Process* previous_process GUARDED_BY(tasks_lock()) = nullptr;
    Process* next_by_pid GUARDED_BY(tasks_lock()) = nullptr;
    sched::WaitQueue child_changed;                       // wait4 sleeps here
    sched::WaitQueue thread_gone;                         // exec sleeps here
    sched::WaitQueue ended;                               // woken when it becomes a zombie
    Nanos ended_threads_time GUARDED_BY(tasks_lock()){0}; // CPU time of threads that are gone
    Nanos children_time GUARDED_BY(tasks_lock()){0};      // of children waited for
    // The most memory in use at once: by images that are gone, by one child waited for.
    PageCount most_resident GUARDED_BY(tasks_lock()){0};
    PageCount children_most_resident GUARDED_BY(tasks_lock()){0};
    Nanos started{0};

    /// CPU time of all threads, gone ones included; of children waited for. Take the tasks lock.
    Nanos cpu_time();
    Nanos cpu_time_of_children();
    /// The most memory in use at once so far; by one child waited for. Take the tasks lock.
    PageCount peak_memory();
    PageCount peak_memory_of_children();
    /// Before the image goes: its peak stays known.
    void keep_peak_memory();
    bool is_reaper() const { return pid == 1; }

private:
    explicit Process(Process* above) : parent(above) {}
    ~Process();
};

/// The process of the running thread. Context: a thread of a program.
inline Process& current_process() { return *sched::current().process; }

} // namespace drupe::process
