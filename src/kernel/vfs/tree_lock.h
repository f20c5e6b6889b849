// SPDX-License-Identifier: BSD-2-Clause
// The lock under which names move and mounts change. Private to this room.
#pragma once

#include <drupe/sync/spin_lock.h>
#include <drupe/vfs/dentry.h>
#include <drupe/vfs/file_system.h>

namespace drupe::vfs {

extern SpinLock<LockRank::dentry> tree_lock;

/// What only holders of the tree lock may look at.
struct TreeAccess {
    static const Dentry* parent(const Dentry& dentry) REQUIRES(tree_lock) { return dentry.parent_; }
    static Dentry* mount_point(const FileSystem& fs) REQUIRES(tree_lock) { return fs.mount_point_; }
    /// The directory above, across mounts; null at the very top.
    static const Dentry* above(const Dentry& dentry) REQUIRES(tree_lock) {
        return dentry.parent_ ? dentry.parent_ : dentry.fs_->mount_point_;
    }
};

} // namespace drupe::vfs
