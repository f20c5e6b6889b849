// SPDX-License-Identifier: BSD-2-Clause
// How threads share CPUs, as programs see and set it.
#include "user_time.h"

#include <drupe/process/process.h>
#include <drupe/process/task_table.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/pi_futex.h>
#include <drupe/sched/thread.h>
#include <drupe/syscall/handlers.h>

#include <algorithm>

namespace drupe::syscall {
namespace {

using process::Pid;
using process::UserThread;
using sched::Entity;
using sched::Policy;

constexpr int reset_on_fork = 0x4000'0000;      // SCHED_RESET_ON_FORK, in a policy
constexpr std::uint64_t attr_reset_on_fork = 1; // SCHED_FLAG_RESET_ON_FORK, in sched_attr

/// May the running process change how those with these credentials are scheduled?
bool may_change(const process::Credentials& owner) {
    const process::Credentials& self = process::current_process().credentials;
    return self.is_privileged() || owner.uid == self.euid || owner.euid == self.euid;
}

/// Runs visit(sched::Thread&) on thread `tid`, 0 being the caller. invalid, no_process, and what
/// `visit` says.
template <class Visit>
Result<void> with_target(Pid tid, Visit visit) {
    if (tid < 0) return Errc::invalid;
    if (tid == 0) return visit(sched::current());
    return process::with_thread(tid, [&](UserThread& t) { return visit(*t.thread); });
}

/// As with_target, to change. A process without threads that is another's is not for the
/// unprivileged: not_permitted.
template <class Visit>
Result<void> change_target(Pid tid, Visit visit) {
    const auto done = with_target(tid, visit);
    if (done.ok() || done.error() != Errc::no_process) return done;
    const auto owner = process::find_process(tid);
    const bool may = !owner || may_change(owner->credentials);
    return may ? Errc::no_process : Errc::not_permitted;
}

/// As with_target, to read only. A process without threads (the one that adopts orphans, and what
/// is left of one that ended) is no failure: nothing is visited.
template <class Visit>
Result<void> read_target(Pid tid, Visit visit) {
    const auto done = with_target(tid, [&](sched::Thread& t) -> Result<void> {
        visit(t);
        return {};
    });
    if (!done.ok() && done.error() == Errc::no_process && process::find_process(tid)) return {};
    return done;
}

using sched::Parameters;

Parameters parameters_of(const sched::Thread& t) { return sched::own_parameters(t); }

Result<Policy> to_policy(int number) {
    switch (number) {
    case static_cast<int>(Policy::other):
    case static_cast<int>(Policy::fifo):
    case static_cast<int>(Policy::round_robin):
    case static_cast<int>(Policy::batch):
    case static_cast<int>(Policy::idle): return static_cast<Policy>(number);
    default: return Errc::invalid;
    }
}

bool is_realtime(Policy policy) { return policy == Policy::fifo || policy == Policy::round_robin; }

/// May the running process ask for this? Others' threads, fixed priorities beyond the limit, and
/// more weight than before are for the privileged. not_permitted.
Result<void> may_set(const sched::Thread& target, const Parameters& wanted) {
    const process::Process& self = process::current_process();
    if (self.credentials.is_privileged()) return {};
    const process::Process* owner = target.process;
    if (owner && !may_change(owner->credentials)) return Errc::not_permitted;
    const auto limit = [&](process::Resource r) {
        return self.limits[static_cast<std::size_t>(r)].soft;
    };
    if (is_realtime(wanted.policy) &&
        static_cast<std::uint64_t>(wanted.realtime_priority) >
            std::max<std::uint64_t>(
                limit(process::Resource::realtime_priority),
                static_cast<std::uint64_t>(parameters_of(target).realtime_priority)))
        return Errc::not_permitted;
    if (parameters_of(target).reset_on_fork && !wanted.reset_on_fork) return Errc::not_permitted;
    // RLIMIT_NICE counts 20 - nice.
    if (wanted.nice < target.nice() &&
        static_cast<std::uint64_t>(20 - wanted.nice) > limit(process::Resource::nice))
        return Errc::not_permitted;
    return {};
}

Result<void> set_parameters(sched::Thread& target, const Parameters& wanted) {
    const bool fixed = is_realtime(wanted.policy);
    if (fixed ? wanted.realtime_priority < Entity::min_realtime ||
                    wanted.realtime_priority > Entity::max_realtime
              : wanted.realtime_priority != 0)
        return Errc::invalid;
    TRY(may_set(target, wanted));
    sched::set_own_parameters(target, wanted);
    return {};
}

} // namespace

std::uint64_t sched_yield() {
    sched::yield();
    return 0;
}

Result<std::uint64_t> sched_setscheduler(int pid, int policy_number, VirtAddr parameter) {
    if (raw(parameter) == 0) return Errc::invalid;
    const auto priority = TRY(arch::get_user<std::int32_t>(parameter));
    const Policy policy = TRY(to_policy(policy_number & ~reset_on_fork));
    TRY(change_target(pid, [&](sched::Thread& t) {
        return set_parameters(t,
                              {policy, priority, t.nice(), (policy_number & reset_on_fork) != 0});
    }));
    return 0;
}

Result<std::uint64_t> sched_setparam(int pid, VirtAddr parameter) {
    if (raw(parameter) == 0) return Errc::invalid;
    const auto priority = TRY(arch::get_user<std::int32_t>(parameter));
    TRY(change_target(pid, [&](sched::Thread& t) {
        Parameters wanted = parameters_of(t);
        wanted.realtime_priority = priority;
        return set_parameters(t, wanted);
    }));
    return 0;
}

namespace {

Result<Parameters> read_parameters(Pid pid) {
    Parameters found{};
    TRY(read_target(pid, [&](const sched::Thread& t) { found = parameters_of(t); }));
    return found;
}

} // namespace

Result<std::uint64_t> sched_getscheduler(int pid) {
    const Parameters found = TRY(read_parameters(pid));
    return static_cast<std::uint64_t>(found.policy) |
           (found.reset_on_fork ? std::uint64_t{reset_on_fork} : 0);
}

Result<std::uint64_t> sched_getparam(int pid, VirtAddr parameter) {
    if (raw(parameter) == 0) return Errc::invalid;
    const Parameters found = TRY(read_parameters(pid));
    TRY(arch::put_user(parameter, std::int32_t{found.realtime_priority}));
    return 0;
}

namespace {

/// The limits of the priorities are known for the policy, too, that no thread can have here.
Result<bool> has_priorities(int policy) {
    constexpr int deadline = 6; // SCHED_DEADLINE
    return policy == deadline ? false : is_realtime(TRY(to_policy(policy)));
}

} // namespace

Result<std::uint64_t> sched_get_priority_max(int policy) {
    return TRY(has_priorities(policy)) ? std::uint64_t{Entity::max_realtime} : 0;
}

Result<std::uint64_t> sched_get_priority_min(int policy) {
    return TRY(has_priorities(policy)) ? std::uint64_t{Entity::min_realtime} : 0;
}

Result<std::uint64_t> sched_rr_get_interval(int pid, VirtAddr at) {
    Nanos turn{0};
    switch (TRY(read_parameters(pid)).policy) {
    case Policy::fifo: break; // for ever
    case Policy::round_robin: turn = sched::RunQueue::round_robin_slice; break;
    default: turn = sched::RunQueue::slice; break;
    }
    TRY(arch::put_user(at, to_timespec(turn)));
    return 0;
}

// ---- the structure with everything

namespace {

/// struct sched_attr, first version. [linux] include/uapi/linux/sched/types.h.
struct UserSchedAttr {
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
};
static_assert(sizeof(UserSchedAttr) == 48);

} // namespace

Result<std::uint64_t> sched_setattr(int pid, VirtAddr at, std::uint32_t flags) {
    if (raw(at) == 0 || flags != 0) return Errc::invalid;
    const auto attr = TRY(arch::get_user<UserSchedAttr>(at));
    if (attr.size != 0 && attr.size < sizeof attr) return Errc::too_big;
    const Policy policy = TRY(to_policy(static_cast<int>(attr.policy)));
    if (!is_realtime(policy) && (attr.nice < Entity::min_nice || attr.nice > Entity::max_nice))
        return Errc::invalid;
    TRY(change_target(pid, [&](sched::Thread& t) {
        return set_parameters(t, {policy, static_cast<int>(attr.priority),
                                  is_realtime(policy) ? t.nice() : attr.nice,
                                  (attr.flags & attr_reset_on_fork) != 0});
    }));
    return 0;
}

Result<std::uint64_t> sched_getattr(int pid, VirtAddr at, std::uint32_t size, std::uint32_t flags) {
    if (raw(at) == 0 || flags != 0 || size < sizeof(UserSchedAttr) || size > page_size)
        return Errc::invalid;
    const Parameters found = TRY(read_parameters(pid));
    TRY(arch::put_user(at, UserSchedAttr{
                               .size = sizeof(UserSchedAttr),
                               .policy = static_cast<std::uint32_t>(found.policy),
                               .flags = found.reset_on_fork ? attr_reset_on_fork : 0,
                               .nice = found.nice,
                               .priority = static_cast<std::uint32_t>(found.realtime_priority),
                               .runtime = 0,
                               .deadline = 0,
                               .period = 0,
                           }));
    return 0;
}

// ---- affinity

namespace {

sched::CpuMask online_of(const sched::CpuMask& mask) {
    sched::CpuMask online{};
    for (std::uint32_t i = 0; i < sched::cpus_expected(); ++i)
        if (mask.has(i)) online.add(i);
    return online;
}

} // namespace

Result<std::uint64_t> sched_setaffinity(int pid, std::uint64_t size, VirtAddr at) {
    sched::CpuMask wanted{};
    TRY(arch::copy_from_user(&wanted, at, std::min<std::uint64_t>(size, sizeof wanted)));
    if (pid < 0) return Errc::no_process;
    // Programs are told of CPUs that are still being started.
    TRY(sched::wait_for_cpu(wanted));
    TRY(change_target(pid, [&](sched::Thread& t) -> Result<void> {
        TRY(may_set(t, parameters_of(t)));
        t.set_affinity(wanted);
        return {};
    }));
    return 0;
}

Result<std::uint64_t> sched_getaffinity(int pid, std::uint64_t size, VirtAddr at) {
    // As many words as hold a bit for each CPU there is.
    const std::uint64_t needed = (std::uint64_t{sched::cpus_expected()} + 63) / 64 * 8;
    if (size < needed || size % 8 != 0) return Errc::invalid;
    if (pid < 0) return Errc::no_process;
    sched::CpuMask usable = online_of(sched::CpuMask::all());
    TRY(read_target(pid, [&](const sched::Thread& t) { usable = online_of(t.affinity()); }));
    TRY(arch::copy_to_user(at, &usable, needed));
    return needed;
}

// ---- nice values

namespace {

enum Which : int { prio_process = 0, prio_group = 1, prio_user = 2 };

bool is_meant(const process::Process& p, int which, int who) {
    const process::Process& self = process::current_process();
    if (which == prio_group) return p.group == (who == 0 ? self.group : who);
    return p.credentials.uid == (who == 0 ? self.credentials.uid : static_cast<std::uint32_t>(who));
}

/// visit(sched::Thread&) for each thread meant; no_process when there is none.
template <class Visit>
Result<void> for_each_meant(int which, int who, Visit visit) {
    if (which == prio_process) return who < 0 ? Errc::no_process : with_target(who, visit);
    if (which != prio_group && which != prio_user) return Errc::invalid;
    bool any = false;
    Errc first = Errc::ok;
    process::for_each_process([&](process::Process& p) {
        if (!is_meant(p, which, who)) return;
        for (sched::Thread& t : p.threads) {
            any = true;
            const auto done = visit(t);
            if (!done.ok() && first == Errc::ok) first = done.error();
        }
    });
    if (!any) return Errc::no_process;
    if (first != Errc::ok) return first;
    return {};
}

} // namespace

Result<std::uint64_t> getpriority(int which, int who) {
    int best = 20;
    if (which == prio_process) {
        if (who < 0) return Errc::no_process;
        best = TRY(read_parameters(who)).nice;
    } else {
        TRY(for_each_meant(which, who, [&](sched::Thread& t) -> Result<void> {
            best = std::min(best, t.nice());
            return {};
        }));
    }
    return static_cast<std::uint64_t>(20 - best); // never negative, as the interface wants it
}

Result<std::uint64_t> setpriority(int which, int who, int nice) {
    const int wanted = std::clamp(nice, Entity::min_nice, Entity::max_nice);
    TRY(for_each_meant(which, who, [&](sched::Thread& t) -> Result<void> {
        Parameters p = parameters_of(t);
        p.nice = wanted;
        const auto allowed = may_set(t, p);
        if (!allowed.ok()) // lowering one's own nice too far is EACCES, others' threads EPERM
            return wanted < t.nice() && t.process == &process::current_process() ? Errc::access
                                                                                 : allowed.error();
        sched::set_own_parameters(t, p);
        return {};
    }));
    return 0;
}

} // namespace drupe::syscall
