// SPDX-License-Identifier: BSD-2-Clause
// What all inodes share: attributes, times, permission, and the answers of kinds that do not
// support an operation.
#include "record_locks.h"

#include <drupe/time/clock.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/device_file.h>
#include <drupe/vfs/file.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/inode.h>
#include <drupe/vfs/notify.h>
#include <drupe/vfs/pipe.h>

#include <algorithm>

namespace drupe::vfs {

Timestamp wall_now() {
    const std::int64_t ns = time::wall().ns;
    return {ns / 1'000'000'000, static_cast<std::uint32_t>(ns % 1'000'000'000)};
}

bool Credentials::is_member(std::uint32_t group) const {
    return group == effective_gid || std::find(groups.begin(), groups.end(), group) != groups.end();
}

Result<void> check_access(const Inode& inode, const Credentials& who, unsigned wanted) {
    const std::uint32_t mode = inode.mode();
    const std::uint32_t kind = kind_of(mode);
    if ((wanted & access_write) && inode.fs().is_read_only() &&
        (kind == mode_regular || kind == mode_directory || kind == mode_symlink))
        return Errc::read_only;
    // User 0 may do everything, except execute what nobody may execute.
    if (who.is_root()) {
        if (!(wanted & access_execute) || kind == mode_directory || (mode & 0111)) return {};
        return Errc::access;
    }
    std::uint32_t bits = mode;
    if (inode.uid() == who.effective_uid)
        bits >>= 6;
    else if (who.is_member(inode.gid()))
        bits >>= 3;
    return (bits & wanted) == wanted ? Result<void>{} : Errc::access;
}

Inode::Inode(FileSystem& fs, std::uint64_t ino, const NewNode& node)
    : fs_(&fs), ino_(ino), rdev_(node.device), mode_(node.mode), uid_(node.uid), gid_(node.gid),
      nlink_(1), atime_(wall_now()), mtime_(atime_), ctime_(atime_), btime_(atime_) {}

Inode::~Inode() {
    if (is_watched()) [[unlikely]]
        notify_gone(*this);
    destroy_lock_list(locks.load(std::memory_order_relaxed));
}

Attributes Inode::attributes() {
    Attributes a{.device = fs_->device(),
                 .ino = ino_,
                 .rdev = rdev_,
                 .size = size(),
                 .blocks = 0,
                 .mode = mode(),
                 .nlink = nlink(),
                 .uid = uid(),
                 .gid = gid(),
                 .block_size = page_size,
                 .atime = {},
                 .mtime = {},
                 .ctime = {},
                 .btime = btime_};
    SpinGuard guard(times_lock_);
    a.atime = atime_;
    a.mtime = mtime_;
    a.ctime = ctime_;
    return a;
}

Result<void> Inode::change(const AttributeChange& c) {
    if (c.set_mode) mode_ = kind() | (c.mode & mode_changeable);
    if (c.set_uid) uid_ = c.uid;
    if (c.set_gid) gid_ = c.gid;
    SpinGuard guard(times_lock_);
    if (c.set_atime) atime_ = c.atime;
    if (c.set_mtime) mtime_ = c.mtime;
    ctime_ = wall_now();
    forget_atime_good();
    return {};
}

void Inode::update_atime() {
    if (fs_->mount_flags() & (mount_no_atime | mount_read_only)) return;
    constexpr std::int64_t day = 24 * 3600;
    const Timestamp now = wall_now();
    SpinGuard guard(times_lock_);
    std::int64_t age = now.seconds - atime_.seconds;
    if (!(atime_ > mtime_ && atime_ > ctime_ && age < day)) {
        atime_ = now;
        age = 0;
    }
    // An access at the very time of the last change is not later than it: look again next time.
    if (age < 0 || !(atime_ > mtime_ && atime_ > ctime_)) return;
    atime_good_until_.store((time::now() + Nanos::from_seconds(day - age)).ns,
                            std::memory_order_relaxed);
}

Result<void> Inode::add_writer() {
    std::int32_t seen = writers_.load(std::memory_order_relaxed);
    do
        if (seen < 0) return Errc::text_busy;
    while (!writers_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed));
    return {};
}

Result<void> Inode::deny_writers() {
    std::int32_t seen = writers_.load(std::memory_order_relaxed);
    do
        if (seen > 0) return Errc::text_busy;
    while (!writers_.compare_exchange_weak(seen, seen - 1, std::memory_order_relaxed));
    return {};
}

Result<RefPtr<File>> Inode::open(Dentry& dentry, std::uint32_t flags) {
    switch (kind()) {
    case mode_directory: return open_directory_file(dentry, flags);
    case mode_fifo: return open_fifo(dentry, flags);
    case mode_char:
    case mode_block: {
        DeviceFile* device = find_device_file(kind(), rdev_);
        if (!device) return Errc::no_device;
        return device->open(dentry, flags);
    }
    case mode_symlink: return Errc::symlink_loop;
    default: return Errc::no_device;
    }
}

Result<void> Inode::truncate(std::uint64_t) {
    return is_directory() ? Errc::is_directory : Errc::invalid;
}
Result<std::string_view> Inode::link_target(TaskContext&, std::span<char>) { return Errc::invalid; }
Result<RefPtr<Dentry>> Inode::follow(TaskContext&) { return RefPtr<Dentry>(); }

Result<RefPtr<Dentry>> Inode::lookup(Dentry&, const Name&) { return Errc::not_found; }
Result<void> Inode::create_entry(Dentry&, const NewNode&) { return Errc::not_permitted; }
Result<void> Inode::link(Dentry&, Inode&) { return Errc::not_permitted; }
Result<void> Inode::unlink(Dentry&) { return Errc::not_permitted; }
Result<void> Inode::remove_directory(Dentry&) { return Errc::not_permitted; }
Result<void> Inode::rename(Dentry&, Inode&, const Name&, Dentry*) { return Errc::not_permitted; }
Result<void> Inode::exchange(Dentry&, Inode&, Dentry&) { return Errc::invalid; }
Result<RefPtr<Inode>> Inode::create_unnamed(const NewNode&) { return Errc::not_supported; }
Result<std::size_t> Inode::get_xattr(std::string_view, std::span<std::byte>) {
    return Errc::not_supported;
}
Result<void> Inode::set_xattr(std::string_view, std::span<const std::byte>, std::uint32_t) {
    return Errc::not_supported;
}
Result<void> Inode::remove_xattr(std::string_view) { return Errc::not_supported; }
Result<void> Inode::iterate(Dentry&, std::uint64_t, DirectorySink&) { return Errc::not_directory; }

} // namespace drupe::vfs
