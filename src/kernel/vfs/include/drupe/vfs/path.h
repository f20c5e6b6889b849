// SPDX-License-Identifier: BSD-2-Clause
// From a path to a dentry. Errors are Linux's, in Linux's order: not_found, not_directory, access,
// symlink_loop (more than 40), name_too_long, no_memory.
#pragma once

#include <drupe/vfs/context.h>
#include <drupe/vfs/dentry.h>

#include <cstdint>
#include <string_view>

namespace drupe::vfs {

enum WalkFlag : std::uint32_t {
    walk_follow = 1,           // a symlink at the end is followed
    walk_directory = 2,        // the result must be a directory
    walk_no_symlinks = 4,      // RESOLVE_NO_SYMLINKS
    walk_no_magic_links = 8,   // RESOLVE_NO_MAGICLINKS
    walk_one_file_system = 16, // RESOLVE_NO_XDEV
    walk_beneath = 32,         // RESOLVE_BENEATH
    walk_in_root = 64,         // RESOLVE_IN_ROOT
    walk_empty_ok = 128,       // "" is the start itself (AT_EMPTY_PATH)
};

/// `start`: where a relative path begins; null: the working directory. `path` ends with a NUL.
Result<RefPtr<Dentry>> walk(TaskContext& who, Dentry* start, const char* path, std::uint32_t flags);

/// The child `name` of `directory`, mounts crossed; not_found. Checks nothing else.
Result<RefPtr<Dentry>> lookup_child(Dentry& directory, const Name& name);

} // namespace drupe::vfs
