// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/groups.h>

#include <drupe/process/task_table.h>

namespace drupe::process {

bool is_orphaned_group(Pid group) {
    bool orphaned = true;
    for_each_process([&](Process& p) {
        if (p.group != group || p.is_zombie || !p.parent) return;
        if (p.parent->group != group && p.parent->session == p.session && !p.parent->is_reaper())
            orphaned = false;
    });
    return orphaned;
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
