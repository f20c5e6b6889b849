// SPDX-License-Identifier: BSD-2-Clause
// Advisory locks: byte ranges owned by a process (fcntl) or by an open file (OFD), and whole-file
// locks owned by an open file (flock).
#pragma once

#include <drupe/base/result.h>

#include <cstdint>

namespace drupe::vfs {

class FdTable;
class File;
class Inode;
struct LockList;

enum class LockType : std::uint8_t { shared, exclusive, none };
enum class WhenHeld : std::uint8_t { fail, wait };

struct RecordLockRequest {
    LockType type = LockType::none;
    std::uint64_t first = 0, last = 0; // bytes, both included
    const void* owner = nullptr;       // the descriptor table, or the open file for OFD locks
    bool is_ofd = false;
    std::int32_t pid = 0; // for the report; -1 for OFD locks
};

/// would_block: held by another and not to wait; deadlock; restart; no_locks when out of memory.
Result<void> set_record_lock(Inode& inode, const RecordLockRequest& request, WhenHeld when_held);
/// The first lock that stands in the way, or type none.
RecordLockRequest test_record_lock(Inode& inode, const RecordLockRequest& request);
/// Gives back all of `owner`'s process-owned locks.
void release_record_locks(Inode& inode, const void* owner);

/// would_block, restart, no_locks.
Result<void> set_flock(File& file, LockType type, WhenHeld when_held);

} // namespace drupe::vfs
