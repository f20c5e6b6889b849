// SPDX-License-Identifier: BSD-2-Clause
// Private.
#pragma once

#include <drupe/process/user_thread.h>

namespace drupe::process {

/// With SS_AUTODISARM the thread is never "on" it: the handler may register another.
bool is_on_alternate_stack(const UserThread& thread, std::uint64_t sp);

} // namespace drupe::process
