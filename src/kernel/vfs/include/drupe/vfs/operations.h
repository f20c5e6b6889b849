// SPDX-License-Identifier: BSD-2-Clause
// What one does with paths: open, make, remove, rename, link. Paths end with a NUL and lie in
// kernel memory; `start` is where relative ones begin (null: the working directory). The errors
// are those of the Linux calls of the same purpose.
#pragma once

#include <drupe/vfs/context.h>
#include <drupe/vfs/file.h>
#include <drupe/vfs/path.h>

#include <cstdint>

namespace drupe::vfs {

struct OpenRequest {
    std::uint32_t flags = 0;   // OpenFlag
    std::uint32_t mode = 0;    // for open_create; umask is applied here
    std::uint32_t resolve = 0; // WalkFlag beyond what the flags say
};
Result<RefPtr<File>> open(TaskContext& who, Dentry* start, const char* path,
                          const OpenRequest& request);
/// Opens what a walk found, as `open` does at its end.
Result<RefPtr<File>> open_dentry(TaskContext& who, Dentry& dentry, std::uint32_t flags);
/// A program file for exec: regular, executable by `who`, not open for writing, not on a mount
/// without exec. Writers are denied until the file goes. access, text_busy, and walk's errors.
Result<RefPtr<File>> open_executable(TaskContext& who, Dentry* start, const char* path,
                                     std::uint32_t walk_flags = walk_follow);

/// May `who` take a name of `inode` out of `directory`? access; not_permitted: in a sticky
/// directory only the owner of the file or of the directory may.
Result<void> may_remove(const Credentials& who, const Inode& directory, const Inode& inode);
Result<void> make_node(TaskContext& who, Dentry* start, const char* path, std::uint32_t mode,
                       std::uint64_t device);
Result<void> make_directory(TaskContext& who, Dentry* start, const char* path, std::uint32_t mode);
Result<void> make_symlink(TaskContext& who, const char* target, Dentry* start, const char* path);
Result<void> make_link(TaskContext& who, Dentry* old_start, const char* old_path, Dentry* new_start,
                       const char* new_path, std::uint32_t walk_flags);
Result<void> unlink(TaskContext& who, Dentry* start, const char* path);
Result<void> remove_directory(TaskContext& who, Dentry* start, const char* path);
enum RenameFlag : std::uint32_t { rename_no_replace = 1, rename_exchange = 2 };
Result<void> rename(TaskContext& who, Dentry* old_start, const char* old_path, Dentry* new_start,
                    const char* new_path, std::uint32_t flags);

/// chmod, chown and utimensat on what was found; the rights are checked here.
Result<void> change_mode(TaskContext& who, Dentry& dentry, std::uint32_t mode);
Result<void> change_owner(TaskContext& who, Dentry& dentry, std::uint32_t uid, std::uint32_t gid);
struct TimeChange {
    enum class How : std::uint8_t { leave, now, given } atime = How::now, mtime = How::now;
    Timestamp atime_value, mtime_value;
};
Result<void> change_times(TaskContext& who, Dentry& dentry, const TimeChange& times);
Result<void> truncate(TaskContext& who, Dentry& dentry, std::uint64_t size);

/// An unnamed regular file in memory (memfd, shared memory), open for both. `name` is what /proc
/// shows. wrong_device when no file system in memory is registered.
enum class Sealing : bool { never, allowed };
Result<RefPtr<File>> create_memory_file(std::string_view name, Sealing sealing);

} // namespace drupe::vfs
