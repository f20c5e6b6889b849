// SPDX-License-Identifier: BSD-2-Clause
// The start of epoll's shared state. Private to this room.
#pragma once

#include <drupe/base/result.h>

namespace drupe::vfs {

/// Once, before any file is watched. no_memory.
Result<void> init_epoll();

} // namespace drupe::vfs
