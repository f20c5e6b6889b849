// SPDX-License-Identifier: BSD-2-Clause
// How a wait with a relative timeout goes on after a signal.
#include <drupe/process/return_to_user.h>

namespace drupe::process {

Errc restart_later(const RestartBlock& block) {
    current_user().restart = block;
    return Errc::restart_no_handler;
}

} // namespace drupe::process
