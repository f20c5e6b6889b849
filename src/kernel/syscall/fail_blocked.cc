// SPDX-License-Identifier: BSD-2-Clause
#include "thunk.h"

namespace drupe::syscall {

std::int64_t fail_blocked(Errc errc, const process::InterruptedCall& call) {
    if (errc == Errc::restart || errc == Errc::restart_no_handler)
        process::record_interrupted(call);
    return to_return_value(errc);
}

} // namespace drupe::syscall
