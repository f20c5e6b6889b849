// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/groups.h>

#include <drupe/process/task_table.h>

namespace drupe::process {

bool is_orphaned_group(Pid group) {
    IrqGuard guard{tasks_lock()};
    return is_orphaned_group_locked(group);
}

bool is_orphaned_group_locked(Pid group) {
    for (Process* p = next_process_locked(nullptr); p; p = next_process_locked(p)) {
        if (p->group != group || p->is_zombie || !p->parent) continue;
        const Process& parent = *p->parent;
        if (parent.group != group && parent.session == p->session && !parent.is_reaper())
            return false;
    }
    return true;
}

bool is_group_in_session(Pid group, Pid session) {
    bool found = false;
    for_each_process([&](Process& p) { found |= p.group == group && p.session == session; });
    return found;
}

bool caller_ignores(int signo) {
    UserThread& self = current_user();
    IrqGuard guard{self.process->actions->lock};
    return self.blocked.has(signo) || (*self.process->actions)[signo].handler == handler_ignore;
}

} // namespace drupe::process
