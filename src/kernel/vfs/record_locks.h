// SPDX-License-Identifier: BSD-2-Clause
// What inodes and files must give back of their locks. Private to this room.
#pragma once

#include <drupe/vfs/record_lock.h>

namespace drupe::vfs {

void destroy_lock_list(LockList* locks);
/// Gives back flock and open-file-description locks of a file that goes.
void release_file_locks(File& file);

} // namespace drupe::vfs
