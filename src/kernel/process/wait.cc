// SPDX-License-Identifier: BSD-2-Clause
// wait4 and waitid.
#include "send.h"

#include <drupe/process/lifecycle.h>

#include <algorithm>

namespace drupe::process {
namespace {

bool matches(const Process& child, const WaitRequest& request, Pid own_group) {
    if (!(child.exit_signal == sigchld ? request.ordinary : request.clones)) return false;
    if (request.only) return &child == request.only;
    if (request.which > 0) return child.pid == request.which;
    if (request.which == -1) return true;
    return child.group == (request.which == 0 ? own_group : -request.which);
}

/// Nothing to report: pid 0.
WaitResult look_at_locked(Process& child, const WaitRequest& request) REQUIRES(tasks_lock()) {
    WaitResult result;
    result.uid = child.credentials.uid;
    if (child.is_zombie && request.exited) {
        result.pid = child.pid;
        result.status = child.status;
        result.cpu_time = child.ended_threads_time + child.children_time;
        result.most_resident = {std::max(child.most_resident.n, child.children_most_resident.n)};
    } else if (child.reports_stop && request.stopped && child.is_stopped) {
        result.pid = child.pid;
        result.status = child.status;
        if (!request.keep) child.reports_stop = false;
    } else if (child.reports_continue && request.continued) {
        result.pid = child.pid;
        result.status = WaitStatus::continued();
        if (!request.keep) child.reports_continue = false;
    }
    return result;
}

} // namespace

Result<WaitResult> wait_child(const WaitRequest& request) {
    Process& self = current_process();
    WaitResult found;
    bool has_children = true;
    RefPtr<Process> dead; // its memory goes after the lock
    const auto look = [&] {
        IrqGuard guard{tasks_lock()};
        bool any = false;
        for (Process& child : self.children) {
            if (!matches(child, request, self.group)) continue;
            any = true;
            const WaitResult result = look_at_locked(child, request);
            if (result.pid == 0) continue;
            if (child.is_zombie && request.exited && !request.keep) {
                dead = RefPtr<Process>(&child);
                self.children_time = self.children_time + result.cpu_time;
                self.children_most_resident = {
                    std::max(self.children_most_resident.n, result.most_resident.n)};
                self.children.remove(child);
                child.parent = nullptr;
                remove_process_locked(child);
            }
            found = result;
            return true;
        }
        if (any && !request.no_hang) return false;
        has_children = any;
        return true;
    };
    TRY(self.child_changed.wait_until(look));
    if (!has_children) return Errc::no_child;
    return found;
}

} // namespace drupe::process
