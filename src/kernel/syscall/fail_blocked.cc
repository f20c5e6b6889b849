// SPDX-License-Identifier: BSD-2-Clause
#include "thunk.h"

namespace drupe::syscall {

std::int64_t fail_blocked(Errc errc, unsigned number, Word a, Word b, Word c, Word d, Word e,
                          Word f) {
    if (errc == Errc::restart || errc == Errc::restart_no_handler || errc == Errc::restart_always)
        process::record_interrupted({number, {a, b, c, d, e, f}});
    return to_return_value(errc);
}

} // namespace drupe::syscall
