// SPDX-License-Identifier: BSD-2-Clause
// The plain table, for what wraps it. Private.
#pragma once

#include <drupe/arch/syscall_abi.h>

namespace drupe::syscall {

/// Handlers as calls with a full frame reach them; none leads to assembly.
const arch::SyscallEntry* plain_table();

} // namespace drupe::syscall
