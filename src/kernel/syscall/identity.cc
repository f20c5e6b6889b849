// SPDX-License-Identifier: BSD-2-Clause
// Who a process is: numbers, groups, sessions, users.
#include <drupe/process/lifecycle.h>
#include <drupe/process/task_table.h>
#include <drupe/syscall/handlers.h>

#include <drupe/arch/user_access.h>

namespace drupe::syscall {
namespace {

using namespace process;
using Word = std::uint64_t;

constexpr std::uint32_t unchanged = ~0u;

Word word(Pid id) { return static_cast<Word>(id); }
Process& self() { return current_process(); }

/// setpgid and friends name 0 the caller.
Result<Pid> of_process(int pid, Pid Process::*field) {
    if (pid == 0) return self().*field;
    IrqGuard guard{tasks_lock()};
    const Process* process = find_process_locked(pid);
    if (!process) return Errc::no_process;
    return process->*field;
}

bool has_group_in_session_locked(Pid group, Pid session) REQUIRES(tasks_lock()) {
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p))
        if (p->group == group && p->session == session) return true;
    return false;
}

/// Real, effective, saved: the three that may be exchanged for one another without privilege.
struct Triple {
    std::uint32_t &real, &effective, &saved, &fs;
    bool has(std::uint32_t id) const { return id == real || id == effective || id == saved; }
};
Triple users(Credentials& c) { return {c.uid, c.euid, c.suid, c.fsuid}; }
Triple groups(Credentials& c) { return {c.gid, c.egid, c.sgid, c.fsgid}; }

using Choose = Triple (*)(Credentials&);

/// Runs change(credentials, ids), an Errc, on the running process's; threads of one process often
/// make the same change all at once.
template <class Change>
Result<Word> change_ids(Choose choose, Change change) {
    {
        IrqGuard guard{tasks_lock()};
        Credentials& mine = self().credentials;
        if (const Errc errc = change(mine, choose(mine)); errc != Errc::ok) return errc;
    }
    self().apply_changes();
    return Word{0};
}

Result<Word> set_one(Choose choose, std::uint32_t id) {
    if (id == unchanged) return Errc::invalid;
    return change_ids(choose, [=](Credentials& mine, Triple ids) {
        if (mine.is_privileged())
            ids.real = ids.saved = id;
        else if (id != ids.real && id != ids.saved)
            return Errc::not_permitted;
        ids.effective = ids.fs = id;
        return Errc::ok;
    });
}

Result<Word> set_two(Choose choose, std::uint32_t real, std::uint32_t effective) {
    return change_ids(choose, [=](Credentials& mine, Triple ids) {
        const bool may = mine.is_privileged();
        if (!may && real != unchanged && real != ids.real && real != ids.effective)
            return Errc::not_permitted;
        if (!may && effective != unchanged && !ids.has(effective)) return Errc::not_permitted;
        const std::uint32_t old_real = ids.real;
        if (real != unchanged) ids.real = real;
        if (effective != unchanged) ids.effective = effective;
        if (real != unchanged || (effective != unchanged && effective != old_real))
            ids.saved = ids.effective;
        ids.fs = ids.effective;
        return Errc::ok;
    });
}

Result<Word> set_three(Choose choose, std::uint32_t real, std::uint32_t effective,
                       std::uint32_t saved) {
    return change_ids(choose, [=](Credentials& mine, Triple ids) {
        if (!mine.is_privileged())
            for (const std::uint32_t id : {real, effective, saved})
                if (id != unchanged && !ids.has(id)) return Errc::not_permitted;
        if (real != unchanged) ids.real = real;
        if (effective != unchanged) ids.effective = effective;
        if (saved != unchanged) ids.saved = saved;
        ids.fs = ids.effective;
        return Errc::ok;
    });
}

Result<Word> get_three(Choose choose, VirtAddr real, VirtAddr effective, VirtAddr saved) {
    const Triple ids = choose(self().credentials);
    TRY(arch::put_user(real, ids.real));
    TRY(arch::put_user(effective, ids.effective));
    TRY(arch::put_user(saved, ids.saved));
    return Word{0};
}

/// The old one comes back, whether it worked or not.
Word set_fs(Choose choose, std::uint32_t id) {
    std::uint32_t old = 0;
    (void)change_ids(choose, [&](Credentials& mine, Triple ids) {
        old = ids.fs;
        if (id != unchanged && (mine.is_privileged() || ids.has(id) || id == old)) ids.fs = id;
        return Errc::ok;
    }).ok();
    return old;
}

} // namespace

Word getpid() { return word(self().pid); }
Word gettid() { return word(current_user().tid); }
Word getppid() { return word(self().parent_pid); }
Word getuid() { return self().credentials.uid; }
Word geteuid() { return self().credentials.euid; }
Word getgid() { return self().credentials.gid; }
Word getegid() { return self().credentials.egid; }

Result<Word> setuid(std::uint32_t id) { return set_one(users, id); }
Result<Word> setgid(std::uint32_t id) { return set_one(groups, id); }
Result<Word> setreuid(std::uint32_t real, std::uint32_t effective) {
    return set_two(users, real, effective);
}
Result<Word> setregid(std::uint32_t real, std::uint32_t effective) {
    return set_two(groups, real, effective);
}
Result<Word> setresuid(std::uint32_t real, std::uint32_t effective, std::uint32_t saved) {
    return set_three(users, real, effective, saved);
}
Result<Word> setresgid(std::uint32_t real, std::uint32_t effective, std::uint32_t saved) {
    return set_three(groups, real, effective, saved);
}
Result<Word> getresuid(VirtAddr real, VirtAddr effective, VirtAddr saved) {
    return get_three(users, real, effective, saved);
}
Result<Word> getresgid(VirtAddr real, VirtAddr effective, VirtAddr saved) {
    return get_three(groups, real, effective, saved);
}
Word setfsuid(std::uint32_t id) { return set_fs(users, id); }
Word setfsgid(std::uint32_t id) { return set_fs(groups, id); }

Result<Word> getgroups(int count, VirtAddr list) {
    const RefPtr<GroupList> mine = [] {
        IrqGuard guard{tasks_lock()};
        return self().credentials.groups;
    }();
    const auto ids = mine ? std::as_const(*mine).ids() : std::span<const std::uint32_t>{};
    if (count < 0) return Errc::invalid;
    if (count == 0) return Word{ids.size()};
    if (static_cast<std::size_t>(count) < ids.size()) return Errc::invalid;
    TRY(arch::copy_to_user(list, ids.data(), ids.size_bytes()));
    return Word{ids.size()};
}

Result<Word> setgroups(int count, VirtAddr list) {
    if (!self().credentials.is_privileged()) return Errc::not_permitted;
    if (count < 0 || static_cast<std::size_t>(count) > GroupList::max) return Errc::invalid;
    RefPtr<GroupList> fresh = TRY(GroupList::create(static_cast<std::size_t>(count)));
    TRY(arch::copy_from_user(fresh->ids().data(), list, fresh->ids().size_bytes()));
    {
        IrqGuard guard{tasks_lock()};
        std::swap(self().credentials.groups, fresh);
    }
    self().apply_changes();
    return Word{0};
}

Result<Word> getpgid(int pid) { return word(TRY(of_process(pid, &Process::group))); }
Result<Word> getsid(int pid) { return word(TRY(of_process(pid, &Process::session))); }

Result<Word> setpgid(int pid, int group) {
    if (pid == 0) pid = self().pid;
    if (group == 0) group = pid;
    if (group < 0) return Errc::invalid;
    IrqGuard guard{tasks_lock()};
    Process* target = find_process_locked(pid);
    if (!target) return Errc::no_process;
    if (target != &self()) {
        if (target->parent != &self()) return Errc::no_process;
        if (target->session != self().session) return Errc::not_permitted;
        if (target->has_run_exec) return Errc::access;
    }
    if (target->session == target->pid) return Errc::not_permitted; // a session's leader stays
    if (group != pid && !has_group_in_session_locked(group, self().session))
        return Errc::not_permitted;
    target->group = group;
    return Word{0};
}

Result<Word> setsid() {
    IrqGuard guard{tasks_lock()};
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p))
        if (p->group == self().pid) return Errc::not_permitted;
    self().group = self().session = self().pid;
    return word(self().pid);
}

Word umask(std::uint32_t mask) { return current_user().fs->set_umask(mask); }

} // namespace drupe::syscall
