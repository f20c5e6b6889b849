// SPDX-License-Identifier: BSD-2-Clause
// What ppoll, pselect6 and epoll_pwait have in common: a timeout, and a signal mask for the time of
// one wait. Private to this room.
#pragma once

#include "file_call.h"

#include <drupe/process/return_to_user.h>

namespace drupe::syscall {

/// A relative timeout (timespec) as a deadline; no address: none; 0: do not wait. invalid, fault.
Result<Nanos> read_deadline(VirtAddr at);

class TemporaryMask {
public:
    /// No address: nothing changes. invalid, fault.
    Result<void> set(VirtAddr mask, Word size) {
        if (raw(mask) == 0) return {};
        if (size != 8) return Errc::invalid;
        process::set_temporary_mask(process::SignalSet(TRY(arch::get_user<std::uint64_t>(mask))));
        is_set_ = true;
        return {};
    }
    /// Signals that came under the mask are handled under it; otherwise the old one returns now.
    void end(const Result<Word>& outcome) {
        if (!is_set_) return;
        const bool by_signal = !outcome.ok() && (outcome.error() == Errc::restart_no_handler ||
                                                 outcome.error() == Errc::interrupted);
        if (!by_signal) process::unset_temporary_mask();
    }

private:
    bool is_set_ = false;
};

} // namespace drupe::syscall
