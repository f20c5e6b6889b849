// SPDX-License-Identifier: BSD-2-Clause
// Delivery: every signal that is due is taken here, by the thread it concerns, on its way back to
// its program.
#include <drupe/process/return_to_user.h>

#include "alternate_stack.h"
#include "core_dump.h"
#include "report.h"
#include "send.h"

#include <drupe/arch/irq_state.h>
#include <drupe/arch/signal_frame.h>
#include <drupe/arch/syscall_abi.h>
#include <drupe/process/groups.h>
#include <drupe/process/lifecycle.h>

namespace drupe::process {
namespace {

constexpr std::uint64_t number_of_restart_syscall = 128;

/// A signal taken, and what to do with it.
struct Taken {
    SigInfo info; // signo 0: nothing to do
    SignalAction action;
};

/// `process` is the thread's.
Taken take_locked(UserThread& self, Process& process) REQUIRES(process.actions->lock) {
    const SignalSet open = SignalSet::all().without(self.blocked);
    Taken taken;
    taken.info = self.pending.take(open);
    if (taken.info.signo == 0) taken.info = process.pending.take(open);
    if (taken.info.signo == 0) return taken;
    SignalAction& action = (*process.actions)[taken.info.signo];
    taken.action = action;
    if (action.has_handler() && (action.flags & sa_resethand) != 0)
        action.handler = handler_default; // flags and mask stay, as sigaction(2) shows
    return taken;
}

void stop_locked(Process& process, int signo) REQUIRES(process.actions->lock) {
    if (process.is_exiting || process.is_stopped || process.core_dump) return;
    process.is_stopped = true;
    process.status = WaitStatus::stopped(signo);
    kick_all(process);
}

/// Takes a signal, and stops if it is one for that: no SIGCONT comes between the two, since who
/// sends one holds the tasks lock.
Taken take_and_stop(UserThread& self) {
    Process& process = *self.process;
    IrqGuard tasks{tasks_lock()};
    const bool is_orphaned = is_orphaned_group_locked(process.group);
    IrqGuard guard{process.actions->lock};
    Taken taken = take_locked(self, process);
    const int signo = taken.info.signo;
    if (!stop_signals.has(signo) || taken.action.has_handler() ||
        taken.action.handler == handler_ignore)
        return taken;
    if (signo == sigstop || !is_orphaned) stop_locked(process, signo);
    return taken;
}

Taken take_signal(UserThread& self) {
    Process& process = *self.process;
    {
        IrqGuard guard{process.actions->lock};
        const SignalSet due =
            (self.pending.set() | process.pending.set()).without(self.blocked) & stop_signals;
        if (due.is_empty()) [[likely]]
            return take_locked(self, process);
    }
    return take_and_stop(self);
}

} // namespace

void report_stop_locked(Process& process) {
    // SIGCONT may have come meanwhile; who sends it holds this lock.
    if (!process.is_stopped) return;
    process.reports_stop = true;
    process.reports_continue = false;
    notify_parent_locked(process, sigchld, child_stopped, process.status.code());
}

namespace {

/// Sleeps until the process goes on or ends.
void park(Process& process) {
    bool all_parked = false;
    {
        IrqGuard guard{process.actions->lock};
        if (!process.is_stopped) return;
        all_parked = ++process.parked == process.thread_count;
    }
    if (all_parked) {
        IrqGuard guard{tasks_lock()};
        report_stop_locked(process);
    }
    (void)process.continued.wait_until([&] { return !process.is_stopped; }, Nanos::never(),
                                       sched::Interruptible::no);
    IrqGuard guard{process.actions->lock};
    process.parked--;
}

void take_default(UserThread& self, const SigInfo& info, arch::TrapFrame& frame) {
    switch (default_action(info.signo)) {
    case DefaultAction::ignore:
    case DefaultAction::proceed:
    case DefaultAction::stop: return; // it has stopped: take_and_stop()
    case DefaultAction::core: {
        report_death(self, info, frame);
        const bool has_dumped = dump_core(self, info, frame);
        exit_process(has_dumped ? WaitStatus::dumped(info.signo) : WaitStatus::killed(info.signo));
    }
    case DefaultAction::terminate:
        report_death(self, info, frame);
        exit_process(WaitStatus::killed(info.signo));
    }
}

VirtAddr choose_stack(const UserThread& self, const SignalAction& action, std::uint64_t sp) {
    const bool wanted = (action.flags & sa_onstack) != 0 && self.alternate.size != 0 &&
                        (static_cast<std::uint32_t>(self.alternate.flags) & ss_disable) == 0;
    if (!wanted || is_on_alternate_stack(self, sp)) return VirtAddr{sp};
    return VirtAddr{self.alternate.sp + self.alternate.size};
}

void block_during_handler(UserThread& self, const SignalAction& action, int signo) {
    SignalSet blocked = self.blocked | action.mask;
    if ((action.flags & sa_nodefer) == 0) blocked.add(signo);
    self.restores_mask = false;
    set_blocked(blocked);
}

void enter_handler(UserThread& self, const Taken& taken, arch::TrapFrame& frame) {
    const SigInfo& info = taken.info;
    const UserStack& alternate = self.alternate;
    arch::SignalDelivery delivery{
        .signo = info.signo,
        .info = std::as_bytes(std::span(&info, 1)),
        .handler = VirtAddr{taken.action.handler},
        .return_to = self.process->image->signal_return,
        .stack = choose_stack(self, taken.action, frame.sp()),
        .blocked = (self.restores_mask ? self.saved_blocked : self.blocked).raw(),
        .alternate = {alternate.sp, alternate.flags, 0, alternate.size},
    };
    if (synchronous_signals.has(info.signo) && info.code > 0 && info.code != si_kernel) {
        delivery.fault_address = self.fault_address;
        delivery.fault_syndrome = self.fault_syndrome;
    }
    if (!arch::push_signal_frame(frame, delivery)) {
        // No stack to run the handler on. When even the handler of that cannot run, it is over.
        if (info.signo == sigsegv) {
            report_death(self, info, frame);
            exit_process(WaitStatus::killed(sigsegv));
        }
        force_signal(SigInfo::from_kernel(sigsegv));
        return;
    }
    if ((static_cast<std::uint32_t>(alternate.flags) & ss_autodisarm) != 0)
        self.alternate = {0, ss_disable, 0, 0};
    block_during_handler(self, taken.action, info.signo);
}

void finish_call_without_handler(UserThread& self, arch::TrapFrame& frame) {
    InterruptedCall& call = self.interrupted;
    const bool by_block = frame.returned() == arch::call_restart_no_handler && self.restart.resume;
    frame.repeat_call(by_block ? number_of_restart_syscall : call.number, call.args);
}

void finish_call_for_handler(UserThread& self, const SignalAction& action, arch::TrapFrame& frame) {
    if (repeats_under_handler(frame.returned(), action.flags)) {
        frame.repeat_call(self.interrupted.number, self.interrupted.args);
    } else {
        self.restart.resume = nullptr;
        frame.set_return(static_cast<std::uint64_t>(std::int64_t{arch::call_interrupted}));
    }
}

/// A core file shows the call as about to begin again, as a debugger sees it on Linux's arm64.
void show_repeated(UserThread& self, arch::TrapFrame& frame, bool& interrupted) {
    if (interrupted) finish_call_without_handler(self, frame);
    interrupted = false;
}

/// Takes everything that is due. `interrupted`: the frame's call waits for a decision; cleared when
/// it is made.
void take_all(UserThread& self, arch::TrapFrame& frame, bool& interrupted) {
    Process& process = *self.process;
    for (;;) {
        if (process.core_dump) [[unlikely]] {
            show_repeated(self, frame, interrupted);
            attend_core_dump(self, frame);
        }
        if (process.is_exiting || (process.survivor && process.survivor != &self)) exit_thread(0);
        if (process.is_stopped) {
            park(process);
            continue;
        }
        Taken taken = take_signal(self);
        if (taken.info.signo == 0) return;
        complete_taken(taken.info);
        if (taken.action.handler == handler_ignore) continue;
        if (!taken.action.has_handler()) {
            if (default_action(taken.info.signo) == DefaultAction::core)
                show_repeated(self, frame, interrupted);
            take_default(self, taken.info, frame);
            continue;
        }
        if (interrupted) finish_call_for_handler(self, taken.action, frame);
        interrupted = false;
        enter_handler(self, taken, frame);
    }
}

} // namespace

bool repeats_under_handler(std::int64_t result, std::uint64_t action_flags) {
    return result == arch::call_restart_always ||
           (result == arch::call_restart && (action_flags & sa_restart) != 0);
}

void on_return_to_user(arch::TrapFrame& frame) {
    sched::Thread& thread = sched::current();
    UserThread& self = *thread.user;
    const arch::IrqState state = arch::irq_save();
    arch::irq_enable();
    constexpr std::uint32_t mine = sched::work_signal | sched::work_restart | sched::work_other;
    // The flags go first: what arrives from now on sets them again. Acquire pairs with the release
    // in Thread::post_work(): the process shows what they were set for.
    const std::uint32_t work = thread.work.fetch_and(~mine, std::memory_order_acquire);
    bool interrupted = (work & sched::work_restart) != 0;
    if ((work & sched::work_other) != 0) {
        IrqGuard guard{tasks_lock()};
        self.process->refresh_locked(self);
    }
    take_all(self, frame, interrupted);
    if (interrupted) finish_call_without_handler(self, frame);
    if (self.restores_mask) {
        self.restores_mask = false;
        set_blocked(self.saved_blocked);
    }
    arch::irq_restore(state);
}

void set_blocked(SignalSet blocked) {
    UserThread& self = current_user();
    Process& process = *self.process;
    IrqGuard guard{process.actions->lock};
    const SignalSet old = self.blocked;
    self.blocked = blocked.without(never_blocked);
    // What this thread would have taken, another may take now; what was held back is due.
    if (!self.blocked.without(old).is_empty()) hand_over_locked(process, self);
    const SignalSet due = (self.pending.set() | process.pending.set()).without(self.blocked);
    if (!due.is_empty()) self.thread->work.fetch_or(sched::work_signal, std::memory_order_relaxed);
}

void set_temporary_mask(SignalSet blocked) {
    UserThread& self = current_user();
    self.saved_blocked = self.blocked;
    self.restores_mask = true;
    set_blocked(blocked);
}

void unset_temporary_mask() {
    UserThread& self = current_user();
    if (!self.restores_mask) return;
    self.restores_mask = false;
    set_blocked(self.saved_blocked);
}

} // namespace drupe::process
