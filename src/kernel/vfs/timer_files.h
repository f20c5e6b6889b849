// SPDX-License-Identifier: BSD-2-Clause
// Private: what timer files share is made when the room starts.
#pragma once

#include <drupe/base/result.h>

namespace drupe::vfs {

/// Once. no_memory.
Result<void> init_timer_files();

} // namespace drupe::vfs
