// SPDX-License-Identifier: BSD-2-Clause
// Asking about files: stat in its shapes, access, links, file systems.
#include "file_call.h"

#include <drupe/vfs/file_system.h>

#include <algorithm>
#include <cstring>

namespace drupe::syscall {

using namespace vfs;

namespace {

/// struct stat of arm64. [linux] uapi/asm-generic/stat.h
struct UserStat {
    std::uint64_t dev, ino;
    std::uint32_t mode, nlink, uid, gid;
    std::uint64_t rdev, pad1;
    std::int64_t size;
    std::int32_t blksize, pad2;
    std::int64_t blocks;
    std::int64_t atime;
    std::uint64_t atime_nsec;
    std::int64_t mtime;
    std::uint64_t mtime_nsec;
    std::int64_t ctime;
    std::uint64_t ctime_nsec;
    std::uint32_t unused[2];
};
static_assert(sizeof(UserStat) == 128);

Result<Word> put_stat(VirtAddr to, Inode& inode) {
    const Attributes a = inode.attributes();
    UserStat s;
    s.dev = a.device;
    s.ino = a.ino;
    s.mode = a.mode;
    s.nlink = a.nlink;
    s.uid = a.uid;
    s.gid = a.gid;
    s.rdev = a.rdev;
    s.pad1 = 0;
    s.size = static_cast<std::int64_t>(a.size);
    s.blksize = static_cast<std::int32_t>(a.block_size);
    s.pad2 = 0;
    s.blocks = static_cast<std::int64_t>(a.blocks);
    s.atime = a.atime.seconds;
    s.atime_nsec = a.atime.nanoseconds;
    s.mtime = a.mtime.seconds;
    s.mtime_nsec = a.mtime.nanoseconds;
    s.ctime = a.ctime.seconds;
    s.ctime_nsec = a.ctime.nanoseconds;
    s.unused[0] = s.unused[1] = 0;
    TRY(arch::copy_to_user(to, &s, sizeof s));
    return Word{0};
}

struct StatxTime {
    std::int64_t seconds;
    std::uint32_t nanoseconds;
    std::int32_t reserved;
};

/// struct statx. [linux] uapi/linux/stat.h
struct Statx {
    std::uint32_t mask, blksize;
    std::uint64_t attributes;
    std::uint32_t nlink, uid, gid;
    std::uint16_t mode, spare0;
    std::uint64_t ino, size, blocks, attributes_mask;
    StatxTime atime, btime, ctime, mtime;
    std::uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    std::uint64_t mount_id;
    std::uint64_t spare[13];
};
static_assert(sizeof(Statx) == 256);

StatxTime statx_time(Timestamp t) { return {t.seconds, t.nanoseconds, 0}; }

} // namespace

Result<Word> newfstatat(int dirfd, VirtAddr path, VirtAddr to, int flags) {
    if (flags & ~(at_symlink_nofollow | at_no_automount | at_empty_path | at_statx_sync_type))
        return Errc::invalid;
    RefPtr<Dentry> found = TRY(find_object(dirfd, path, flags));
    return put_stat(to, *found->inode());
}

Result<Word> fstat(int fd, VirtAddr to) {
    FileRef file = file_at(fd);
    if (!file) return Errc::bad_descriptor;
    return put_stat(to, file->inode());
}

Result<Word> statx(int dirfd, VirtAddr path, int flags, std::uint32_t mask, VirtAddr to) {
    if (flags & ~(at_symlink_nofollow | at_no_automount | at_empty_path | at_statx_sync_type))
        return Errc::invalid;
    if ((flags & at_statx_sync_type) == at_statx_sync_type || (mask & 0x8000'0000))
        return Errc::invalid;
    RefPtr<Dentry> found = TRY(find_object(dirfd, path, flags));
    const Attributes a = found->inode()->attributes();
    constexpr std::uint32_t basic_and_birth = 0x0fff, mount_id = 0x1000;
    constexpr std::uint64_t is_mount_root = 0x2000;
    Statx s{};
    s.mask = basic_and_birth | mount_id;
    s.blksize = a.block_size;
    s.attributes_mask = is_mount_root;
    s.attributes = found->is_root() ? is_mount_root : 0;
    s.nlink = a.nlink;
    s.uid = a.uid;
    s.gid = a.gid;
    s.mode = static_cast<std::uint16_t>(a.mode);
    s.ino = a.ino;
    s.size = a.size;
    s.blocks = a.blocks;
    s.atime = statx_time(a.atime);
    s.btime = statx_time(a.btime);
    s.ctime = statx_time(a.ctime);
    s.mtime = statx_time(a.mtime);
    s.rdev_major = device_major(a.rdev);
    s.rdev_minor = device_minor(a.rdev);
    s.dev_major = device_major(a.device);
    s.dev_minor = device_minor(a.device);
    s.mount_id = found->fs().mount_id();
    TRY(arch::copy_to_user(to, &s, sizeof s));
    return Word{0};
}

namespace {

Result<Word> check_at(int dirfd, VirtAddr path, int mode, int flags) {
    if (mode & ~7) return Errc::invalid;
    if (flags & ~(at_eaccess | at_symlink_nofollow | at_empty_path)) return Errc::invalid;
    // access(2) asks for the real user, who may not be the one files are opened as.
    TaskContext who = caller();
    if (!(flags & at_eaccess)) {
        who.credentials.effective_uid = who.credentials.uid;
        who.credentials.effective_gid = who.credentials.gid;
    }
    RefPtr<Dentry> found;
    PathAt at;
    TRY(at.read(dirfd, path));
    found = TRY(vfs::walk(who, at.start(), at.text(), walk_flags(flags)));
    Inode& inode = *found->inode();
    if ((mode & access_execute) && inode.is_regular() && (inode.fs().mount_flags() & mount_no_exec))
        return Errc::access;
    if (mode != 0) TRY(check_access(inode, who.credentials, static_cast<unsigned>(mode)));
    return Word{0};
}

} // namespace

Result<Word> faccessat(int dirfd, VirtAddr path, int mode) {
    return check_at(dirfd, path, mode, 0);
}
Result<Word> faccessat2(int dirfd, VirtAddr path, int mode, int flags) {
    return check_at(dirfd, path, mode, flags);
}

Result<Word> readlinkat(int dirfd, VirtAddr path, VirtAddr to, Word size) {
    if (static_cast<std::int32_t>(size) <= 0) return Errc::invalid;
    PathAt at;
    TRY(at.read(dirfd, path));
    RefPtr<Dentry> found = TRY(at.walk(walk_empty_ok));
    Inode& inode = *found->inode();
    if (!inode.is_symlink()) return at.is_empty() ? Errc::not_found : Errc::invalid;
    // Targets made up when asked for (/proc) need room; those of ordinary links do not.
    OwnPtr<PathBuffer> scratch;
    std::span<char> room;
    if (!inode.fs().keeps_entries()) {
        scratch = TRY(make_own<PathBuffer>());
        room = scratch->text;
    }
    const std::string_view target = TRY(inode.link_target(caller(), room));
    inode.touch_atime();
    const std::size_t bytes =
        std::min<std::size_t>(target.size(), static_cast<std::uint32_t>(size));
    TRY(arch::copy_to_user(to, target.data(), bytes));
    return Word{bytes};
}

namespace {

/// struct statfs of arm64: all words of eight bytes.
struct UserStatfs {
    std::uint64_t type, bsize, blocks, bfree, bavail, files, ffree;
    std::uint32_t fsid[2];
    std::uint64_t namelen, frsize, flags, spare[4];
};
static_assert(sizeof(UserStatfs) == 120);

Result<Word> put_statfs(VirtAddr to, FileSystem& fs) {
    const FileSystemStats stats = fs.stats();
    UserStatfs s{};
    s.type = stats.magic;
    s.bsize = s.frsize = stats.block_size;
    s.blocks = stats.blocks;
    s.bfree = s.bavail = stats.blocks_free;
    s.files = stats.files;
    s.ffree = stats.files_free;
    s.fsid[0] = static_cast<std::uint32_t>(fs.device());
    s.namelen = max_name;
    // ST_* differ from MS_* in relatime's bit, and say that they are valid.
    constexpr std::uint32_t st_valid = 0x20, st_relatime = 0x1000, st_same = 15 | mount_no_atime;
    s.flags = st_valid | (fs.mount_flags() & st_same) |
              ((fs.mount_flags() & mount_relatime) ? st_relatime : 0);
    TRY(arch::copy_to_user(to, &s, sizeof s));
    return Word{0};
}

} // namespace

Result<Word> statfs(VirtAddr path, VirtAddr to) {
    PathAt at;
    TRY(at.read(at_fdcwd, path));
    RefPtr<Dentry> found = TRY(at.walk(walk_follow));
    return put_statfs(to, found->fs());
}

Result<Word> fstatfs(int fd, VirtAddr to) {
    FileRef file = file_at(fd);
    if (!file) return Errc::bad_descriptor;
    return put_statfs(to, file->dentry().fs());
}

} // namespace drupe::syscall
