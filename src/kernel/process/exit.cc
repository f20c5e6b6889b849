// SPDX-License-Identifier: BSD-2-Clause
// Death: of a thread, of a process with its last thread, and what parents and children see of it.
#include "core_dump.h"
#include "send.h"
#include "use_space.h"

#include <drupe/process/lifecycle.h>

#include <drupe/arch/user_access.h>
#include <drupe/mm/address_space.h>
#include <drupe/process/futex.h>
#include <drupe/sched/pi_futex.h>

namespace drupe::process {
namespace {

ProgramEnded program_ended = nullptr;
Process* the_reaper = nullptr;
Process* the_program = nullptr;

void release_vfork(UserThread& self) {
    if (!self.vfork) return;
    self.vfork->over.complete();
    self.vfork = nullptr;
}

/// What a thread owes to others who share its memory.
void settle_memory(UserThread& self) {
    if (raw(self.robust_list) != 0) release_robust_futexes(self);
    sched::pi_release_all();
    if (raw(self.clear_child_tid) == 0) return;
    // A bad address is the program's own loss.
    if (arch::put_user(self.clear_child_tid, std::uint32_t{0})) wake_futex(self.clear_child_tid, 1);
}

/// Files go before the thread does: who waits for the process finds them closed.
void drop_files(UserThread& self) {
    RefPtr<vfs::FdTable> files;
    RefPtr<vfs::FsContext> fs;
    IrqGuard tasks{tasks_lock()};
    self.context.files = nullptr;
    self.context.fs = nullptr;
    std::swap(files, self.files);
    std::swap(fs, self.fs);
}

/// True: the process has no thread left. The last thread's `code` is the process's, unless somebody
/// ended it as a whole.
bool remove_thread(Process& process, UserThread& self, int code) {
    IrqGuard tasks{tasks_lock()};
    remove_thread_locked(self); // from here on nobody sends to it
    bool all_parked = false;
    {
        IrqGuard guard{process.actions->lock};
        process.threads.remove(*self.thread);
        process.thread_count--;
        process.ended_threads_time = process.ended_threads_time + self.thread->cpu_time();
        hand_over_locked(process, self);
        // While senders cannot look: a timer's node may be among them.
        self.pending.clear(SignalSet::all());
        if (process.thread_count <= 1 || process.core_dump) process.thread_gone.wake_all();
        if (process.thread_count == 0 && !process.is_exiting) {
            process.is_exiting = true;
            process.status = WaitStatus::exited(code);
        }
        all_parked = process.thread_count != 0 && process.parked == process.thread_count;
    }
    if (all_parked) report_stop_locked(process);
    return process.thread_count == 0;
}

Process& new_parent_for_locked(Process& orphan) REQUIRES(tasks_lock()) {
    for (Process* p = orphan.parent; p && p->parent; p = p->parent)
        if (p->is_subreaper && !p->is_exiting) return *p;
    return *the_reaper;
}

/// A dead child that nobody will wait for leaves the tables. The reference is dropped by the caller
/// after the lock.
RefPtr<Process> bury_locked(Process& dead) REQUIRES(tasks_lock()) {
    RefPtr<Process> keep(&dead);
    if (dead.parent) dead.parent->children.remove(dead);
    dead.parent = nullptr;
    remove_process_locked(dead);
    return keep;
}

/// False: the parent will not wait.
bool notify_of_end_locked(Process& dead, int signo) REQUIRES(tasks_lock()) {
    const WaitStatus status = dead.status;
    if (!status.is_killed()) return notify_parent_locked(dead, signo, child_exited, status.code());
    return notify_parent_locked(dead, signo, status.has_dumped() ? child_dumped : child_killed,
                                status.signal());
}

/// Children get another parent; the dead ones among them are reported to it again, or buried.
RefPtr<Process> pass_on_one_child(Process& process) {
    IrqGuard guard{tasks_lock()};
    Process* child = process.children.front();
    if (!child) return nullptr;
    Process& heir = new_parent_for_locked(process);
    process.children.remove(*child);
    heir.children.push_back(*child);
    child->parent = &heir;
    child->parent_pid = heir.pid;
    for (sched::Thread& thread : child->threads)
        if (const int signo = thread.user->parent_death_signal)
            (void)send_signal_locked(
                *child, SigInfo::from_user(signo, si_user, process.pid, process.credentials.uid));
    if (child->is_zombie) {
        if (!notify_of_end_locked(*child, sigchld)) return bury_locked(*child);
    }
    return RefPtr<Process>(child);
}

/// A stopped group nobody can continue any more is told, POSIX "orphaned process group".
void release_orphaned_group_locked(Process& leaving) REQUIRES(tasks_lock()) {
    bool stopped = false;
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p)) {
        if (p->group != leaving.group || p == &leaving || p->is_zombie) continue;
        const Process* parent = p->parent;
        if (parent && parent != &leaving && parent->group != p->group &&
            parent->session == p->session)
            return; // somebody outside the group, in its session, still looks after it
        stopped |= p->is_stopped;
    }
    if (!stopped) return;
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p)) {
        if (p->group != leaving.group || p == &leaving || p->is_zombie) continue;
        (void)send_signal_locked(*p, SigInfo::from_kernel(sighup));
        (void)send_signal_locked(*p, SigInfo::from_kernel(sigcont));
    }
}

/// The last step: from here on the process is only what wait4 reads. Its own reference is returned
/// when nobody will wait.
RefPtr<Process> become_zombie(Process& process) {
    IrqGuard guard{tasks_lock()};
    process.is_zombie = true;
    process.ended.wake_all();
    release_orphaned_group_locked(process);
    if (notify_of_end_locked(process, process.exit_signal)) return nullptr;
    return bury_locked(process);
}

void end_process(Process& process) {
    process.timers = nullptr;
    if (&process == the_program) program_ended(process, process.status);
    process.keep_peak_memory();
    use_space(nullptr);
    {
        RefPtr<Image> image; // goes after the lock
        IrqGuard guard{tasks_lock()};
        std::swap(image, process.image);
    }
    while (pass_on_one_child(process)) {}
}

} // namespace

Result<void> init(ProgramEnded ended) {
    DRUPE_ASSERT(!the_reaper);
    program_ended = ended;
    RefPtr<Process> fresh = TRY(Process::create(nullptr));
    fresh->actions = TRY(make_ref<SignalActions>());
    IrqGuard guard{tasks_lock()};
    const Pid pid = TRY(allocate_id_locked());
    DRUPE_ASSERT(pid == 1);
    fresh->pid = fresh->group = fresh->session = pid;
    add_process_locked(*fresh);
    the_reaper = fresh.leak();
    register_core_pattern();
    return {};
}

Process& reaper() {
    DRUPE_ASSERT(the_reaper != nullptr);
    return *the_reaper;
}

Process* program() { return the_program; }
void set_program(Process& process) { the_program = &process; }

void exit_thread(int code) {
    sched::Thread& thread = sched::current();
    UserThread& self = *thread.user;
    Process& process = *thread.process;
    settle_memory(self);
    release_vfork(self);
    self.semaphore_undo = nullptr; // the last one that shares it takes back what was done
    drop_files(self);
    // Before the others can be the last: who destroys the space finds no thread that has it.
    thread.address_space = nullptr;
    if (remove_thread(process, self, code)) {
        end_process(process);
        thread.user = nullptr;
        thread.process = nullptr;
        delete &self;
        become_zombie(process); // `process` may be gone after this
    } else {
        thread.user = nullptr;
        thread.process = nullptr;
        delete &self;
    }
    sched::exit_current();
}

void exit_process(WaitStatus status) {
    Process& process = current_process();
    {
        IrqGuard guard{process.actions->lock};
        begin_exit_locked(process, status);
    }
    exit_thread(0);
}

Result<void> become_only_thread() {
    UserThread& self = current_user();
    Process& process = *self.process;
    {
        IrqGuard guard{process.actions->lock};
        if (process.is_exiting || process.survivor || process.core_dump) return Errc::interrupted;
        process.survivor = &self;
        for (sched::Thread& thread : process.threads)
            if (thread.user != &self) kick(*thread.user);
    }
    // A kill of the whole process ends the wait too: the others leave just the same.
    (void)process.thread_gone.wait_until([&] { return process.thread_count == 1; }, Nanos::never(),
                                         sched::Interruptible::no);
    {
        IrqGuard guard{tasks_lock()};
        if (self.tid != process.pid) {
            remove_thread_locked(self);
            self.tid = process.pid;
            add_thread_locked(self);
        }
    }
    IrqGuard guard{process.actions->lock};
    process.survivor = nullptr;
    return {};
}

void adopt_image(RefPtr<Image> image) {
    UserThread& self = current_user();
    Process& process = *self.process;
    self.clear_child_tid = {};
    self.robust_list = {};
    self.alternate = {0, ss_disable, 0, 0};
    self.restart = {};
    if (process.timers) process.timers->on_exec();
    process.actions->reset_handlers();
    process.has_run_exec = true;
    process.exit_signal = sigchld;
    sched::current().set_name(image->name());
    process.keep_peak_memory();
    {
        IrqGuard guard{tasks_lock()};
        std::swap(process.image, image);
    }
    use_space(&process.image->space());
    release_vfork(self);
}

} // namespace drupe::process
