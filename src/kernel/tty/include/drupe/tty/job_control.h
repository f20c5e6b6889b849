// SPDX-License-Identifier: BSD-2-Clause
// What terminals need to know about processes. kernel/process implements it; until it is installed
// there is one session that owns every terminal and no signal is sent.
#pragma once

#include <cstdint>

namespace drupe::tty {

using Id = std::int32_t;

/// All are called in thread context without any lock.
struct JobControl {
    Id (*session_of_caller)();
    Id (*group_of_caller)();
    bool (*caller_leads_session)();
    bool (*caller_ignores)(int signal); // ignored or blocked
    bool (*is_orphaned)(Id group);      // nobody of its session outside it looks after it
    bool (*is_in_session)(Id group, Id session);
    void (*signal_group)(Id group, int signal); // no-op when the group is gone
};

void install(const JobControl& job_control);
const JobControl* job_control();

// Linux's numbers, the same on every architecture that uses the generic ones.
inline constexpr int sighup = 1, sigint = 2, sigquit = 3, sigcont = 18, sigtstp = 20, sigttin = 21,
                     sigttou = 22, sigwinch = 28;

} // namespace drupe::tty
