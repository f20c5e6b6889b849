// SPDX-License-Identifier: BSD-2-Clause
// Changing what files are: mode, owner, times, size; and making sure they are stored.
#include "file_call.h"

#include <drupe/vfs/device_file.h>
#include <drupe/vfs/notify.h>

#include <drupe/process/signal.h>
#include <drupe/vfs/file_system.h>

namespace drupe::syscall {

using namespace vfs;

Result<Word> fchmod(int fd, std::uint32_t mode) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    TRY(change_mode(caller(), file->dentry(), mode));
    return Word{0};
}

Result<Word> fchmodat(int dirfd, VirtAddr path, std::uint32_t mode) {
    PathAt at;
    TRY(at.read(dirfd, path));
    RefPtr<Dentry> found = TRY(at.walk(walk_follow));
    TRY(change_mode(caller(), *found, mode));
    return Word{0};
}

Result<Word> fchown(int fd, std::uint32_t uid, std::uint32_t gid) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    TRY(change_owner(caller(), file->dentry(), uid, gid));
    return Word{0};
}

Result<Word> fchownat(int dirfd, VirtAddr path, std::uint32_t uid, std::uint32_t gid, int flags) {
    if (flags & ~(at_symlink_nofollow | at_empty_path)) return Errc::invalid;
    PathAt at;
    TRY(at.read(dirfd, path));
    RefPtr<Dentry> found = TRY(at.walk(walk_flags(flags)));
    TRY(change_owner(caller(), *found, uid, gid));
    return Word{0};
}

namespace {

struct UserTime {
    std::int64_t seconds;
    std::int64_t nanoseconds;
};

Result<TimeChange::How> decode_time(const UserTime& from, Timestamp& value) {
    constexpr std::int64_t now = 0x3fff'ffff, omit = 0x3fff'fffe;
    if (from.nanoseconds == now) return TimeChange::How::now;
    if (from.nanoseconds == omit) return TimeChange::How::leave;
    if (from.nanoseconds < 0 || from.nanoseconds > 999'999'999) return Errc::invalid;
    value = {from.seconds, static_cast<std::uint32_t>(from.nanoseconds)};
    return TimeChange::How::given;
}

} // namespace

Result<Word> utimensat(int dirfd, VirtAddr path, VirtAddr times_at, int flags) {
    TimeChange times;
    if (raw(times_at) != 0) {
        const UserTime first = TRY(arch::get_user<UserTime>(times_at));
        const UserTime second = TRY(arch::get_user<UserTime>(times_at + sizeof(UserTime)));
        times.atime = TRY(decode_time(first, times.atime_value));
        times.mtime = TRY(decode_time(second, times.mtime_value));
        // Linux looks at the path only when something is to change.
        if (times.atime == TimeChange::How::leave && times.mtime == TimeChange::How::leave)
            return Word{0};
    }
    if (flags & ~(at_symlink_nofollow | at_empty_path)) return Errc::invalid;
    if (raw(path) == 0 && dirfd != at_fdcwd) {
        if (flags != 0) return Errc::invalid;
        FileRef file = file_at(dirfd);
        if (!file || file->is_path_only()) return Errc::bad_descriptor;
        TRY(change_times(caller(), file->dentry(), times));
        return Word{0};
    }
    PathAt at;
    TRY(at.read(dirfd, path));
    RefPtr<Dentry> found = TRY(at.walk(walk_flags(flags)));
    TRY(change_times(caller(), *found, times));
    return Word{0};
}

namespace {

/// Growing beyond RLIMIT_FSIZE raises SIGXFSZ.
Result<void> check_size(std::uint64_t size) {
    if (size <= caller().max_file_bytes) return {};
    raise_signal(process::sigxfsz);
    return Errc::file_too_large;
}

} // namespace

Result<Word> truncate(VirtAddr path, std::int64_t size) {
    if (size < 0) return Errc::invalid;
    PathAt at;
    TRY(at.read(at_fdcwd, path));
    RefPtr<Dentry> found = TRY(at.walk(walk_follow));
    if (static_cast<std::uint64_t>(size) > found->inode()->size())
        TRY(check_size(static_cast<std::uint64_t>(size)));
    TRY(vfs::truncate(caller(), *found, static_cast<std::uint64_t>(size)));
    return Word{0};
}

Result<Word> ftruncate(int fd, std::int64_t size) {
    if (size < 0) return Errc::invalid;
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    if (!file->inode().is_regular() || !file->is_writable()) return Errc::invalid;
    if (static_cast<std::uint64_t>(size) > file->inode().size())
        TRY(check_size(static_cast<std::uint64_t>(size)));
    TRY(file->truncate(static_cast<std::uint64_t>(size)));
    vfs::notify(*file, vfs::notify_modify);
    return Word{0};
}

namespace {

/// The modes that some file system of Linux knows; which of them this file's does comes later.
bool is_allocation_mode(std::uint32_t mode) {
    constexpr std::uint32_t keep_size = 1, punch = 2, collapse = 8, zero = 0x10, insert = 0x20,
                            unshare = 0x40;
    switch (mode & ~keep_size) {
    case 0:
    case unshare:
    case zero: return true;
    case punch: return (mode & keep_size) != 0;
    case collapse:
    case insert: return (mode & keep_size) == 0;
    default: return false;
    }
}

} // namespace

Result<Word> fallocate(int fd, std::uint32_t mode, std::int64_t offset, std::int64_t length) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    if (offset < 0 || length <= 0) return Errc::invalid;
    if (!is_allocation_mode(mode)) return Errc::not_supported;
    if (!file->is_writable()) return Errc::bad_descriptor;
    if (file->inode().kind() == mode_fifo) return Errc::illegal_seek;
    if (file->inode().is_directory()) return Errc::is_directory;
    if (!file->inode().is_regular()) return Errc::wrong_device;
    const auto begin = static_cast<std::uint64_t>(offset);
    const auto bytes = static_cast<std::uint64_t>(length);
    if (begin + bytes > max_file_size) return Errc::file_too_large;
    constexpr std::uint32_t keep_size = 1;
    if (!(mode & keep_size)) TRY(check_size(begin + bytes));
    TRY(file->allocate(static_cast<int>(mode), begin, bytes));
    vfs::notify(*file, vfs::notify_modify);
    return Word{0};
}

namespace {

Result<Word> sync_file(int fd, bool data_only) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    TRY(file->sync(data_only));
    return Word{0};
}

} // namespace

Result<Word> fsync(int fd) { return sync_file(fd, false); }
Result<Word> fdatasync(int fd) { return sync_file(fd, true); }

Result<Word> sync() {
    MountTable::sync_all();
    return Word{0};
}
Result<Word> syncfs(int fd) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    TRY(file->dentry().fs().sync());
    return Word{0};
}

Result<Word> sync_file_range(int fd, std::int64_t offset, std::int64_t bytes, std::uint32_t flags) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    if ((flags & ~7u) || offset < 0 || bytes < 0 || offset + bytes < offset) return Errc::invalid;
    const std::uint32_t kind = file->inode().kind();
    const bool has_ranges = kind == mode_regular || kind == mode_block || kind == mode_directory;
    return has_ranges ? Result<Word>(Word{0}) : Errc::illegal_seek;
}

Result<Word> readahead(int fd, std::int64_t, Word) {
    FileRef file = file_at(fd);
    if (!file || !file->is_readable()) return Errc::bad_descriptor;
    return file->inode().is_regular() ? Result<Word>(Word{0}) : Errc::invalid;
}

Result<Word> fadvise64(int fd, std::int64_t, std::int64_t length, int advice) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    if (file->inode().kind() == mode_fifo) return Errc::illegal_seek;
    if (advice < 0 || advice > 5 || length < 0) return Errc::invalid;
    return Word{0}; // advice: everything is in memory
}

} // namespace drupe::syscall
