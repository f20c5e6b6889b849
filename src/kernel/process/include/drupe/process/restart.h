// SPDX-License-Identifier: BSD-2-Clause
// A direct call has no instruction that could be executed again, and its registers are dead when
// it comes back. So a call that a signal interrupted is remembered here, by the dispatch, before
// kernel/process decides whether to repeat it.
#pragma once

#include <cstdint>

namespace drupe::process {

struct InterruptedCall {
    std::uint64_t number;
    std::uint64_t args[6];
};

/// Remembers `call` for the running thread, whichever way it came in; a later one replaces it.
/// Context: thread, no lock held.
void record_interrupted(const InterruptedCall& call);

} // namespace drupe::process
