// SPDX-License-Identifier: BSD-2-Clause
// What a process wants done with each signal; shared by CLONE_SIGHAND. Its lock also guards every
// pending set and mask of the processes that share it.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/process/signal_set.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/sync/spin_lock.h>

#include <array>

namespace drupe::process {

enum class DefaultAction : std::uint8_t { terminate, core, ignore, stop, proceed };
DefaultAction default_action(int signo);

struct SignalAction {
    std::uint64_t handler = handler_default; // an address, or handler_default, handler_ignore
    std::uint64_t flags = 0;
    SignalSet mask; // blocked in addition while the handler runs

    bool has_handler() const { return handler > handler_ignore; }
    /// Sending it does nothing at all, unless blocked or waited for.
    bool discards(int signo) const {
        return handler == handler_ignore ||
               (handler == handler_default && default_action(signo) == DefaultAction::ignore);
    }
};

class SignalActions : public RefCounted<SignalActions> {
public:
    SpinLock<LockRank::signal> lock; // taken with interrupts masked: timers send
    /// Woken when anything is sent; signalfd polls on it.
    sched::WaitQueue arrived;

    SignalAction& operator[](int signo) { return actions_[static_cast<std::size_t>(signo - 1)]; }
    const SignalAction& operator[](int signo) const {
        return actions_[static_cast<std::size_t>(signo - 1)];
    }
    /// sigaction of the running process: the old action. A signal that is ignored from now on is
    /// forgotten where it is pending.
    SignalAction replace(int signo, const SignalAction& action);
    /// fork: the same actions in a table of its own. no_memory.
    Result<RefPtr<SignalActions>> copy();
    /// exec: handlers become defaults, ignored stays ignored.
    void reset_handlers();

private:
    std::array<SignalAction, signal_count> actions_;
};

} // namespace drupe::process
