// SPDX-License-Identifier: BSD-2-Clause
// Shared by opening and by making names. Private to this room.
#pragma once

#include <drupe/vfs/context.h>
#include <drupe/vfs/inode.h>

namespace drupe::vfs {

/// Once. no_memory.
Result<void> init_directory_ops();
/// Owner, group and mode of a node that `who` makes in `directory`; umask applied.
NewNode node_for(TaskContext& who, Inode& directory, std::uint32_t mode);

} // namespace drupe::vfs
