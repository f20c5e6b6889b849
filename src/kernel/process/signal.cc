// SPDX-License-Identifier: BSD-2-Clause
// Sending: is it noticed at all, where does it wait, who is woken. A sender holds the tasks lock,
// then the signal lock of the target. Within a process the signal lock is enough, and a process's
// timers take its actions_lock first: unless the signal stops or continues the process, which
// parents look at under the tasks lock.
#include <drupe/process/signal.h>

#include "send.h"

#include <drupe/process/user_usage.h>

#include <drupe/sched/thread.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace drupe::process {
namespace {

bool wants(const UserThread& thread, int signo) {
    return !thread.blocked.has(signo) || thread.waiting_for.has(signo);
}

UserThread* first_thread(Process& process) {
    sched::Thread* first = process.threads.front();
    return first ? first->user : nullptr;
}

/// A blocked signal stays, ignored or not: the program may change its mind before it looks.
bool is_discarded(Process& process, const UserThread* target, int signo) {
    const UserThread* looks = target ? target : first_thread(process);
    if (looks && (looks->blocked.has(signo) || looks->waiting_for.has(signo))) return false;
    return (*process.actions)[signo].discards(signo);
}

void forget_locked(Process& process, SignalSet which) REQUIRES(process.actions->lock) {
    process.pending.clear(which);
    for (sched::Thread& thread : process.threads) thread.user->pending.clear(which);
}

/// True: the process was stopped and goes on now.
bool resume_locked(Process& process) REQUIRES(process.actions->lock) {
    if (!process.is_stopped) return false;
    process.is_stopped = false;
    process.continued.wake_all();
    return true;
}

void wake_for(Process& process, UserThread* target, int signo) {
    if (target) {
        if (wants(*target, signo)) kick(*target);
        return;
    }
    for (sched::Thread& thread : process.threads) {
        if (!wants(*thread.user, signo)) continue;
        kick(*thread.user);
        return;
    }
}

struct Sending {
    Process& process;
    UserThread* target; // null: whole process
    int signo;
    QueuedSignal* node; // null: the bit alone
};

/// What is left to do once the signal lock is free.
struct Outcome {
    bool queued = false;
    bool resumed = false;
};

Outcome queue_locked(const Sending& s) REQUIRES(s.process.actions->lock) {
    Outcome outcome;
    if (stop_signals.has(s.signo)) forget_locked(s.process, SignalSet{sigcont});
    if (s.signo == sigcont) {
        forget_locked(s.process, stop_signals);
        outcome.resumed = resume_locked(s.process);
    }
    if (s.signo == sigkill) {
        begin_exit_locked(s.process, WaitStatus::killed(sigkill));
        return outcome;
    }
    if (s.process.core_dump) return outcome; // it is dying of another
    if (is_discarded(s.process, s.target, s.signo)) return outcome;
    PendingSignals& where = s.target ? s.target->pending : s.process.pending;
    if (s.node && s.node->info.timer_mark != 0) {
        where.add_another(*s.node);
        outcome.queued = true;
    } else {
        outcome.queued = s.node ? where.add(*s.node) : where.add(s.signo);
    }
    s.process.actions->arrived.wake_all();
    wake_for(s.process, s.target, s.signo);
    return outcome;
}

/// True: the node is queued, or the bit is new.
bool send_locked(const Sending& s) REQUIRES(tasks_lock()) {
    if (s.process.is_zombie || s.process.is_reaper()) return false;
    Outcome outcome;
    {
        IrqGuard guard{s.process.actions->lock};
        outcome = queue_locked(s);
    }
    if (outcome.resumed) {
        s.process.reports_stop = false;
        s.process.reports_continue = true;
        notify_parent_locked(s.process, sigchld, child_continued, sigcont);
    }
    return outcome.queued;
}

/// Within the sender's process: see above.
bool is_private(int signo) { return signo != sigcont && !stop_signals.has(signo); }

/// Counted as the target's user's. Standard signals of the kernel and of kill(2) need no leave.
/// Null: there is no memory, or the user has too many.
QueuedSignal* allocate_node(const Process& target, const SigInfo& info) {
    const std::uint32_t uid = target.credentials.uid;
    const bool needs_leave = is_realtime(info.signo) || info.code < 0;
    const std::uint64_t limit =
        needs_leave ? target.limit(Resource::pending_signals).soft : Limit::infinite;
    if (!use_more(uid, PerUser::pending_signals, 1, limit)) return nullptr;
    auto* node = new (std::nothrow) QueuedSignal;
    if (!node) {
        use_less(uid, PerUser::pending_signals, 1);
        return nullptr;
    }
    node->info = info;
    node->is_allocated = true;
    node->charged_uid = uid;
    return node;
}

/// send(QueuedSignal*) queues the node, or without one the bit; true: it took the node.
template <class Send>
Result<void> send_info(const Process& process, const SigInfo& info, Send send) {
    if (info.signo == 0) return {};
    QueuedSignal* const node = allocate_node(process, info);
    if (!node) {
        if (is_realtime(info.signo) && info.code != si_user) return Errc::would_block;
        send(nullptr);
        return {};
    }
    if (!send(node)) PendingSignals::drop(*node);
    return {};
}

Result<void> send_info_locked(Process& process, UserThread* target, const SigInfo& info)
    REQUIRES(tasks_lock()) {
    return send_info(process, info, [&](QueuedSignal* node) {
        tasks_lock().assert_held();
        return send_locked({process, target, info.signo, node});
    });
}

/// `process` is the running one; `target` cannot leave it meanwhile.
Result<void> send_info_within(Process& process, UserThread* target, const SigInfo& info) {
    return send_info(process, info, [&](QueuedSignal* node) {
        const Sending s{process, target, info.signo, node};
        IrqGuard guard{s.process.actions->lock};
        return queue_locked(s).queued;
    });
}

/// Marks a timer's node; false: it is queued still.
bool mark_locked(const Sending& s, std::int32_t mark) REQUIRES(s.process.actions->lock) {
    s.node->info.timer_mark = mark;
    return !s.node->is_queued();
}

bool post_node_locked(const Sending& s, std::int32_t mark) REQUIRES(tasks_lock()) {
    {
        IrqGuard guard{s.process.actions->lock};
        if (!mark_locked(s, mark)) return false;
    }
    return send_locked(s);
}

/// From a timer of the process, which has not ended. `mark` 0: no timer's node.
bool post_within(const Sending& s, std::int32_t mark) {
    IrqGuard actions{s.process.actions_lock};
    IrqGuard guard{s.process.actions->lock};
    if (mark != 0 && !mark_locked(s, mark)) return false;
    return queue_locked(s).queued;
}

} // namespace

void kick(UserThread& user) {
    // Others find a thread before it starts: the wake-up leaves it alone then, the flag waits for
    // it.
    user.thread->post_work(sched::work_signal);
}

void kick_all(Process& process) {
    for (sched::Thread& thread : process.threads) {
        kick(*thread.user);
        // Waits that signals do not end look again too: vfork, stops.
        sched::wake(thread);
    }
}

void begin_exit_locked(Process& process, WaitStatus status) {
    if (process.is_exiting) return;
    process.is_exiting = true;
    process.status = status;
    process.is_stopped = false;
    process.continued.wake_all();
    kick_all(process);
}

void hand_over_locked(Process& process, UserThread& leaving) {
    const SignalSet left = process.pending.set().without(leaving.blocked);
    for (sched::Thread& thread : process.threads)
        if (thread.user != &leaving && !left.without(thread.user->blocked).is_empty())
            kick(*thread.user);
}

bool notify_parent_locked(Process& child, int signo, SignalCode code, int status) {
    Process* parent = child.parent;
    if (!parent || parent->is_reaper()) return false;
    bool waits = true;
    bool told = signo != 0;
    {
        IrqGuard guard{parent->actions->lock};
        const SignalAction& action = (*parent->actions)[sigchld];
        const bool died = code != child_stopped && code != child_continued;
        if (signo == sigchld && died)
            waits = action.handler != handler_ignore && (action.flags & sa_nocldwait) == 0;
        if (signo == sigchld &&
            (action.handler == handler_ignore || (!died && (action.flags & sa_nocldstop) != 0)))
            told = false;
    }
    if (told) {
        SigInfo info = SigInfo::from_user(signo, code, child.pid, child.credentials.uid);
        info.u.child.status = status;
        constexpr std::int64_t tick = 10'000'000; // USER_HZ is 100
        info.u.child.user_ticks = child.ended_threads_time.ns / tick;
        info.u.child.system_ticks = 0;
        (void)send_info_locked(*parent, nullptr, info); // without memory the bit alone is set
    }
    parent->child_changed.wake_all();
    return waits;
}

Result<void> send_signal_locked(Process& target, const SigInfo& info) {
    return send_info_locked(target, nullptr, info);
}
Result<void> send_signal_locked(UserThread& target, const SigInfo& info) {
    return send_info_locked(*target.process, &target, info);
}
Result<void> send_signal(Process& target, const SigInfo& info) {
    if (&target == sched::current().process && is_private(info.signo))
        return send_info_within(target, nullptr, info);
    IrqGuard guard{tasks_lock()};
    return send_info_locked(target, nullptr, info);
}

bool send_signal_to_own_thread(Pid tid, const SigInfo& info, Result<void>& outcome) {
    if (!is_private(info.signo)) return false;
    UserThread& self = current_user();
    const auto send = [&](UserThread& target) {
        outcome = send_info_within(*self.process, &target, info);
    };
    if (tid != self.tid) return with_thread_of(*self.process, tid, send);
    send(self);
    return true;
}

Result<void> send_signal_to_group(Pid group, const SigInfo& info) {
    IrqGuard guard{tasks_lock()};
    Result<void> outcome = Errc::no_process;
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p)) {
        if (p->group != group || p->is_reaper()) continue;
        Result<void> sent = may_signal(*p, info.signo);
        if (sent) sent = send_info_locked(*p, nullptr, info);
        if (sent || outcome.error() == Errc::no_process) outcome = sent;
    }
    return outcome;
}

bool post_signal(Process& target, int signo) {
    DRUPE_ASSERT(!is_realtime(signo));
    const Sending s{target, nullptr, signo, nullptr};
    if (is_private(signo)) return post_within(s, 0);
    IrqGuard guard{tasks_lock()};
    return send_locked(s);
}

void post_signal_to_group(Pid group, int signo) {
    IrqGuard guard{tasks_lock()};
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p))
        if (p->group == group) send_locked({*p, nullptr, signo, nullptr});
}

bool post_signal(Process& target, QueuedSignal& node, std::int32_t mark) {
    const Sending s{target, nullptr, node.info.signo, &node};
    if (is_private(node.info.signo)) return post_within(s, mark);
    IrqGuard guard{tasks_lock()};
    return post_node_locked(s, mark);
}

bool post_signal(Process& target, Pid tid, QueuedSignal& node, std::int32_t mark) {
    if (is_private(node.info.signo)) {
        bool is_queued = false;
        with_thread_of(target, tid, [&](UserThread& thread) {
            is_queued = post_within({target, &thread, node.info.signo, &node}, mark);
        });
        return is_queued;
    }
    IrqGuard guard{tasks_lock()};
    UserThread* thread = find_thread_locked(tid);
    if (!thread || thread->process != &target) return false;
    return post_node_locked({target, thread, node.info.signo, &node}, mark);
}

void complete_taken(SigInfo& info) {
    if (info.timer_mark == 0) [[likely]]
        return;
    // A timer has sent it, so there are timers.
    current_process().timers->on_signal_taken(info);
    info.timer_mark = 0;
}

void force_signal(const SigInfo& info) {
    UserThread& self = current_user();
    SignalActions& actions = *self.process->actions;
    IrqGuard guard{actions.lock};
    SignalAction& action = actions[info.signo];
    if (self.blocked.has(info.signo) || action.handler == handler_ignore) {
        self.blocked.remove(info.signo);
        action = {};
    }
    // A node still queued belongs to a fault whose signal is not taken yet: this one comes second
    // and finds it pending, as any standard signal would.
    if (!self.fault.is_queued()) {
        self.fault.info = info;
        if (!self.pending.add(self.fault)) self.fault.info = {};
    }
    self.thread->work.fetch_or(sched::work_signal, std::memory_order_relaxed);
}

SignalAction SignalActions::replace(int signo, const SignalAction& action) {
    Process& self = current_process();
    IrqGuard guard{self.actions->lock};
    const SignalAction old = (*this)[signo];
    (*this)[signo] = action;
    (*this)[signo].mask = action.mask.without(never_blocked);
    if (action.discards(signo)) forget_locked(self, SignalSet{signo});
    return old;
}

void withdraw_signal(Process& target, QueuedSignal& node) {
    DRUPE_ASSERT(&target == sched::current().process);
    IrqGuard guard{target.actions->lock};
    if (target.pending.withdraw(node)) return;
    for (sched::Thread& thread : target.threads)
        if (thread.user->pending.withdraw(node)) return;
}

Result<void> may_signal(const Process& target, int signo) {
    const Process& self = current_process();
    const Credentials& mine = self.credentials;
    const Credentials& theirs = target.credentials;
    if (&self == &target || mine.is_privileged() || mine.euid == theirs.suid ||
        mine.euid == theirs.uid || mine.uid == theirs.suid || mine.uid == theirs.uid)
        return {};
    if (signo == sigcont && self.session == target.session) return {};
    return Errc::not_permitted;
}

} // namespace drupe::process
