// SPDX-License-Identifier: BSD-2-Clause
// Birth: threads and forks differ only in what they share.
#include "send.h"

#include <drupe/process/lifecycle.h>
#include <drupe/process/process_file.h>

#include <drupe/arch/user_access.h>
#include <drupe/arch/user_context.h>
#include <drupe/mm/address_space.h>
#include <drupe/sched/pi_futex.h>

#include <algorithm>

namespace drupe::process {
namespace {

/// First code of every program's thread.
void run_program(void* argument) {
    UserThread& self = *static_cast<UserThread*>(argument);
    self.thread->user_frame = arch::user_frame_of(self.thread->kernel_stack_top);
    if (raw(self.set_child_tid) != 0)
        (void)arch::put_user(self.set_child_tid, static_cast<std::uint32_t>(self.tid)).ok();
    arch::enter_user(self.first_frame, self.thread->kernel_stack_top);
}

/// What the child of a thread with these begins with. [linux] kernel/sched/core.c: sched_fork.
sched::Parameters for_child(const sched::Parameters& parent) {
    using sched::Policy;
    if (!parent.reset_on_fork) return parent;
    if (parent.policy == Policy::fifo || parent.policy == Policy::round_robin)
        return {Policy::other, 0, 0};
    return {parent.policy, 0, std::max(parent.nice, 0)};
}

/// A thread that nobody knows yet, with the registers of `frame`.
struct NewThread {
    RefPtr<sched::Thread> thread;
    OwnPtr<UserThread> user;
};

Result<NewThread> make_thread(Process& process, std::string_view name,
                              const arch::TrapFrame& frame) {
    auto* user = new (std::nothrow) UserThread(process);
    if (!user) return Errc::no_memory;
    NewThread fresh{nullptr, OwnPtr<UserThread>(user)};
    fresh.thread = TRY(sched::Thread::create(name, run_program, user));
    user->thread = fresh.thread.get();
    user->first_frame = frame;
    const sched::Thread& parent = sched::current();
    const sched::Parameters given = for_child(sched::own_parameters(parent));
    fresh.thread->set_parameters(given.policy, given.realtime_priority, given.nice);
    fresh.thread->set_affinity(parent.affinity());
    fresh.thread->process = &process;
    fresh.thread->user = user;
    fresh.thread->entry_kind = arch::entry_full;
    fresh.thread->address_space = &process.image->space();
    return fresh;
}

enum class Kinship : std::uint8_t { thread, child, sibling };

/// The process, and the thread in it. would_block: the process is ending.
Result<void> publish_locked(Process& process, NewThread& fresh, Kinship kinship, Pid id)
    REQUIRES(tasks_lock()) {
    IrqGuard guard{process.actions->lock};
    if (process.is_exiting || process.survivor || process.core_dump) return Errc::would_block;
    UserThread& user = *fresh.user;
    user.context.files = user.files.get();
    user.context.fs = user.fs.get();
    process.refresh_locked(user);
    user.tid = id;
    if (kinship != Kinship::thread) {
        process.pid = id;
        if (process.group == 0) process.group = process.session = id;
        add_process_locked(process);
        // Only now: until here the creator's own parent may have changed, or gone.
        if (kinship == Kinship::sibling && process.parent->parent)
            process.parent = process.parent->parent;
        process.parent->children.push_back(process);
        process.parent_pid = process.parent->pid;
    }
    process.threads.push_back(*fresh.thread);
    process.thread_count++;
    // It parks like the others.
    if (process.is_stopped)
        fresh.thread->work.fetch_or(sched::work_signal, std::memory_order_relaxed);
    return {};
}

/// From here on others can find it. would_block: no id is free, or the process is ending.
/// `wanted`: the id, or 0; exists, not_permitted, invalid.
Result<Pid> publish(Process& process, NewThread& fresh, Kinship kinship, Pid wanted = 0) {
    IrqGuard tasks{tasks_lock()};
    const Pid id = TRY(wanted != 0 ? claim_id_locked(wanted) : allocate_id_locked());
    TRY(publish_locked(process, fresh, kinship, id));
    add_thread_locked(*fresh.user);
    return id;
}

Result<void> check(const CloneRequest& request) {
    const std::uint64_t flags = request.flags;
    const auto has = [&](std::uint64_t f) { return (flags & f) != 0; };
    constexpr std::uint64_t namespaces = 0x7e02'0080; // CLONE_NEW*
    if (has(namespaces)) return has(clone_fs) ? Errc::invalid : Errc::not_permitted;
    if (has(clone_thread) && !has(clone_sighand)) return Errc::invalid;
    if (has(clone_sighand) && !has(clone_vm)) return Errc::invalid;
    if (has(clone_sighand) && has(clone_clear_sighand)) return Errc::invalid;
    if (has(clone_pidfd) && (flags & (clone_thread | clone_detached)) != 0) return Errc::invalid;
    if (has(clone_into_cgroup)) return Errc::bad_descriptor; // there are no such directories
    if (has(clone_thread) && has(clone_vfork)) return Errc::invalid;
    if ((flags & clone_signal_mask) > signal_count) return Errc::invalid;
    return {};
}

/// A process that shares with, or copies of, the running one what `flags` say.
Result<RefPtr<Process>> fork_process(std::uint64_t flags) {
    Process& self = current_process();
    RefPtr<Process> child = TRY(Process::create(&self));
    child->exit_signal = static_cast<int>(flags & clone_signal_mask);
    child->oom_score_adjust = self.oom_score_adjust;
    child->image = (flags & clone_vm) != 0 ? self.image : TRY(self.image->copy());
    child->actions = (flags & clone_sighand) != 0 ? self.actions : TRY(self.actions->copy());
    if ((flags & clone_clear_sighand) != 0) child->actions->reset_handlers();
    return child;
}

/// CLONE_PIDFD: a descriptor of the caller's for a child that nobody knows yet.
class ChildDescriptor {
public:
    explicit ChildDescriptor(UserThread& caller) : caller_(caller) {}
    ~ChildDescriptor() {
        if (file_) caller_.files->unreserve(fd_);
    }
    ChildDescriptor(const ChildDescriptor&) = delete;
    ChildDescriptor& operator=(const ChildDescriptor&) = delete;

    /// Its number is written to `at`. no_memory, too_many_files, fault.
    Result<void> prepare(Process& child, VirtAddr at) {
        RefPtr<vfs::File> file = TRY(ProcessFile::create(child, 0));
        fd_ = TRY(caller_.files->reserve(true, caller_.context.max_descriptors));
        file_ = std::move(file);
        return arch::put_user(at, fd_);
    }
    void finish() {
        if (file_) caller_.files->fill(fd_, std::move(file_));
    }

private:
    UserThread& caller_;
    RefPtr<vfs::File> file_;
    std::uint32_t fd_ = 0;
};

/// Not ended by signals, but by the end of the parent itself.
void wait_for(VforkWait& wait) {
    Process& self = current_process();
    wait.over.wait_unless([&] { return self.is_exiting; });
}

} // namespace

Result<Pid> start_program(RefPtr<Process> process, Start start) {
    const arch::TrapFrame frame = arch::first_user_frame(start.pc, start.sp);
    NewThread fresh = TRY(make_thread(*process, process->image->name(), frame));
    arch::context_make_user(fresh.thread->context(), 0);
    fresh.user->files = std::move(start.files);
    fresh.user->fs = std::move(start.fs);
    process->group = process->session = 0; // its own
    process->apply_changes();
    const Pid pid = TRY(publish(*process, fresh, Kinship::child));
    set_program(*process);
    if (start.on_ready) start.on_ready(*process);
    fresh.user.leak(); // its own from now on; it deletes itself when it ends
    fresh.thread->start();
    return pid;
}

Result<Pid> clone(const arch::TrapFrame& frame, const CloneRequest& request) {
    TRY(check(request));
    const std::uint64_t flags = request.flags;
    const auto has = [&](CloneFlag f) { return (flags & f) != 0; };
    UserThread& caller = current_user();
    RefPtr<Process> process(caller.process);
    if (!has(clone_thread)) process = TRY(fork_process(flags));

    NewThread fresh = TRY(make_thread(*process, caller.thread->name(), frame));
    UserThread& user = *fresh.user;
    user.first_frame.set_return(0);
    if (raw(request.stack) != 0) user.first_frame.set_sp(raw(request.stack));
    user.blocked = caller.blocked;
    user.timer_slack = user.default_timer_slack = caller.timer_slack;
    user.files = caller.files;
    user.fs = caller.fs;
    if (!has(clone_files)) user.files = TRY(caller.files->clone());
    if (!has(clone_fs)) user.fs = TRY(caller.fs->clone());
    // The alternate stack lies in memory that both would use: only a copy of the memory has its
    // own.
    if (!has(clone_vm) || has(clone_vfork)) user.alternate = caller.alternate;
    arch::context_make_user(fresh.thread->context(),
                            has(clone_settls) ? raw(request.tls) : arch::user_tls());
    arch::context_copy_fpu(fresh.thread->context());
    if (has(clone_child_settid)) user.set_child_tid = request.child_tid;
    if (has(clone_child_cleartid)) user.clear_child_tid = request.child_tid;
    if (has(clone_sysvsem)) {
        if (!caller.semaphore_undo) caller.semaphore_undo = TRY(make_ref<SemaphoreUndo>());
        user.semaphore_undo = caller.semaphore_undo;
    }
    RefPtr<VforkWait> wait;
    if (has(clone_vfork)) user.vfork = wait = TRY(make_ref<VforkWait>());

    const Kinship kinship = has(clone_thread)   ? Kinship::thread
                            : has(clone_parent) ? Kinship::sibling
                                                : Kinship::child;
    ChildDescriptor descriptor(caller);
    if (has(clone_pidfd)) TRY(descriptor.prepare(*process, request.pidfd));
    const Pid id = TRY(publish(*process, fresh, kinship, request.wanted_id));
    descriptor.finish();
    if (has(clone_parent_settid))
        (void)arch::put_user(request.parent_tid, static_cast<std::uint32_t>(id)).ok();
    fresh.user.leak(); // its own from now on; it deletes itself when it ends
    fresh.thread->start();
    if (wait) wait_for(*wait);
    return id;
}

} // namespace drupe::process
