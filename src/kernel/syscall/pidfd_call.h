// SPDX-License-Identifier: BSD-2-Clause
// A descriptor that means a process, for the calls that give one. Private to this room.
#pragma once

#include "file_call.h"

#include <drupe/process/process.h>

namespace drupe::syscall {

/// A new one, closed by exec. flags: open_nonblock. too_many_files, no_memory.
Result<Word> open_pidfd(process::Process& process, std::uint32_t flags = 0);

} // namespace drupe::syscall
