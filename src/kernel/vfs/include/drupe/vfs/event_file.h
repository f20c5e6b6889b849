// SPDX-License-Identifier: BSD-2-Clause
// eventfd: a counter that can be waited for.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/vfs/file.h>

#include <cstdint>

namespace drupe::vfs {

enum class EventReads : bool { all, one }; // EFD_SEMAPHORE reads one at a time
/// flags: open_nonblock. no_memory.
Result<RefPtr<File>> create_event_file(std::uint64_t initial, EventReads reads,
                                       std::uint32_t flags);

} // namespace drupe::vfs
