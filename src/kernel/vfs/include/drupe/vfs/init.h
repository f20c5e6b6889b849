// SPDX-License-Identifier: BSD-2-Clause
// The file room's start.
#pragma once

#include <drupe/base/result.h>

namespace drupe::vfs {

/// Once, when memory can be allocated, before any other call here: sizes the table of names and
/// makes the internal file system. no_memory.
Result<void> init();

} // namespace drupe::vfs
