// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/process/signal_actions.h>

namespace drupe::process {

DefaultAction default_action(int signo) {
    switch (signo) {
    case sigcont: return DefaultAction::proceed;
    case sigstop:
    case sigtstp:
    case sigttin:
    case sigttou: return DefaultAction::stop;
    case sigchld:
    case sigurg:
    case sigwinch: return DefaultAction::ignore;
    case sigquit:
    case sigill:
    case sigtrap:
    case sigabrt:
    case sigbus:
    case sigfpe:
    case sigsegv:
    case sigxcpu:
    case sigxfsz:
    case sigsys: return DefaultAction::core;
    default: return DefaultAction::terminate;
    }
}

Result<RefPtr<SignalActions>> SignalActions::copy() {
    RefPtr<SignalActions> fresh = TRY(make_ref<SignalActions>());
    IrqGuard guard{lock};
    fresh->actions_ = actions_;
    return fresh;
}

void SignalActions::reset_handlers() {
    IrqGuard guard{lock};
    for (SignalAction& action : actions_) {
        action.mask = {};
        action.flags = 0;
        if (action.has_handler()) action.handler = handler_default;
    }
}

} // namespace drupe::process
