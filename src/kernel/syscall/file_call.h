// SPDX-License-Identifier: BSD-2-Clause
// What the file calls have in common: descriptors, paths, vectors, limits. Private to this room.
#pragma once

#include <drupe/arch/user_access.h>
#include <drupe/process/user_thread.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/fd_table.h>
#include <drupe/vfs/operations.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::syscall {

using Word = std::uint64_t;

/// *at() flags. [linux] uapi/linux/fcntl.h
enum AtFlag : int {
    at_fdcwd = -100,
    at_symlink_nofollow = 0x100,
    at_eaccess = 0x200, // to faccessat2
    at_removedir = 0x200,
    at_symlink_follow = 0x400,
    at_no_automount = 0x800,
    at_empty_path = 0x1000,
    at_statx_sync_type = 0x6000,
};

inline vfs::TaskContext& caller() { return process::current_context(); }

/// The file behind a descriptor, or null.
inline vfs::FileRef file_at(int fd) { return caller().files->get(static_cast<std::uint32_t>(fd)); }

/// A path copied out of the program once. Short ones, which nearly all are, need no memory.
class PathArgument {
public:
    PathArgument() = default;
    PathArgument(const PathArgument&) = delete;
    PathArgument& operator=(const PathArgument&) = delete;
    ~PathArgument();
    /// fault, name_too_long, no_memory.
    Result<void> read(VirtAddr path);
    const char* text() const { return text_; }
    bool is_empty() const { return *text_ == 0; }

private:
    Result<void> read_long(VirtAddr path);
    const char* text_ = "";
    char* long_ = nullptr;
    char short_[200];
};

/// Room for the longest path; too large for the stack.
struct PathBuffer {
    char text[vfs::max_path];
};

/// Where a relative path begins. Keeps the descriptor's file for the time of the call.
class StartAt {
public:
    /// bad_descriptor. The descriptor is not looked at for absolute paths.
    Result<void> find(int dirfd, const char* path);
    vfs::Dentry* dentry() const { return start_; }

private:
    vfs::FileRef file_{nullptr, false};
    vfs::Dentry* start_ = nullptr;
};

/// Path and start together, and the walk most calls begin with.
class PathAt {
public:
    Result<void> read(int dirfd, VirtAddr path) {
        TRY(path_.read(path));
        return start_.find(dirfd, path_.text());
    }
    const char* text() const { return path_.text(); }
    bool is_empty() const { return path_.is_empty(); }
    vfs::Dentry* start() const { return start_.dentry(); }
    Result<RefPtr<vfs::Dentry>> walk(std::uint32_t flags) {
        return vfs::walk(caller(), start(), text(), flags);
    }

private:
    PathArgument path_;
    StartAt start_;
};

/// AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH as walk flags.
constexpr std::uint32_t walk_flags(int at_flags) {
    return ((at_flags & at_symlink_nofollow) ? 0u : std::uint32_t{vfs::walk_follow}) |
           ((at_flags & at_empty_path) ? std::uint32_t{vfs::walk_empty_ok} : 0u);
}

/// The dentry that (dirfd, path, flags) names; a descriptor alone when the path is empty or null.
Result<RefPtr<vfs::Dentry>> find_object(int dirfd, VirtAddr path, int at_flags);

/// What one read or write may move at most.
inline constexpr Word most_moved = 0x7fff'f000;

/// readv's vector, copied once and checked.
class Vectors {
public:
    Vectors() = default;
    Vectors(const Vectors&) = delete;
    Vectors& operator=(const Vectors&) = delete;
    ~Vectors();
    /// invalid: too many, or lengths that do not add up to a positive number; fault; no_memory.
    Result<void> read(VirtAddr vectors, std::int64_t count);
    vfs::IoBuffer buffer() const;

private:
    static constexpr std::size_t most = 1024;
    static constexpr std::size_t few = 8;
    vfs::IoVector few_[few];
    vfs::IoVector* vectors_ = few_;
    std::size_t count_ = 0;
};

/// Sends a signal to the calling thread.
void raise_signal(int signo);
/// Writing to a pipe without readers raises SIGPIPE.
Errc raise_for(Errc errc);
/// Cuts the buffer to what RLIMIT_FSIZE leaves of a regular file; file_too_large (with SIGXFSZ).
Result<void> cut_to_file_limit(vfs::File& file, vfs::IoBuffer& buffer, std::uint64_t offset);
inline Result<void> apply_file_limit(vfs::File& file, vfs::IoBuffer& buffer, std::uint64_t offset) {
    if (caller().max_file_bytes == ~std::uint64_t{0}) [[likely]]
        return {};
    return cut_to_file_limit(file, buffer, offset);
}

} // namespace drupe::syscall
