// SPDX-License-Identifier: BSD-2-Clause
// chmod, chown, utimensat, truncate: who may, and what else changes with it.
#include <drupe/sched/mutex.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/notify.h>
#include <drupe/vfs/operations.h>

namespace drupe::vfs {
namespace {

bool owns(const Credentials& who, const Inode& inode) {
    return who.is_root() || who.effective_uid == inode.uid();
}

constexpr std::uint32_t unchanged = ~0u;

} // namespace

Result<void> change_mode(TaskContext& who, Dentry& dentry, std::uint32_t mode) {
    Inode& inode = *dentry.inode();
    if (inode.fs().is_read_only()) return Errc::read_only;
    if (inode.is_symlink()) return Errc::not_supported;
    sched::MutexGuard guard(inode.mutex());
    if (!owns(who.credentials, inode)) return Errc::not_permitted;
    AttributeChange change;
    change.set_mode = true;
    change.mode = mode & mode_changeable;
    // Set-gid is not for those outside the group.
    if (!who.credentials.is_root() && !who.credentials.is_member(inode.gid()))
        change.mode &= ~std::uint32_t{mode_setgid};
    TRY(inode.change(change));
    notify(dentry, notify_attributes);
    return {};
}

Result<void> change_owner(TaskContext& who, Dentry& dentry, std::uint32_t uid, std::uint32_t gid) {
    Inode& inode = *dentry.inode();
    if (inode.fs().is_read_only()) return Errc::read_only;
    sched::MutexGuard guard(inode.mutex());
    const Credentials& me = who.credentials;
    const bool owner = me.effective_uid == inode.uid();
    if (!me.is_root()) {
        if (uid != unchanged && !(owner && uid == inode.uid())) return Errc::not_permitted;
        if (gid != unchanged && !(owner && (gid == inode.gid() || me.is_member(gid))))
            return Errc::not_permitted;
    }
    AttributeChange change;
    change.set_uid = uid != unchanged;
    change.uid = uid;
    change.set_gid = gid != unchanged;
    change.gid = gid;
    // A program that ran with its owner's rights must not get another owner's.
    if (!inode.is_directory()) {
        const std::uint32_t mode = inode.mode();
        change.mode = mode & mode_changeable & ~std::uint32_t{mode_setuid};
        if ((mode & (mode_setgid | 0010)) == (mode_setgid | 0010))
            change.mode &= ~std::uint32_t{mode_setgid};
        change.set_mode = change.mode != (mode & mode_changeable);
    }
    TRY(inode.change(change));
    if (change.set_uid || change.set_gid || change.set_mode) notify(dentry, notify_attributes);
    return {};
}

Result<void> change_times(TaskContext& who, Dentry& dentry, const TimeChange& times) {
    using How = TimeChange::How;
    if (times.atime == How::leave && times.mtime == How::leave) return {};
    Inode& inode = *dentry.inode();
    if (inode.fs().is_read_only()) return Errc::read_only;
    // Whoever may write may say "now"; given times are the owner's to set.
    if (!owns(who.credentials, inode)) {
        if (times.atime != How::now || times.mtime != How::now) return Errc::not_permitted;
        TRY(check_access(inode, who.credentials, access_write));
    }
    sched::MutexGuard guard(inode.mutex());
    const Timestamp now = wall_now();
    AttributeChange change;
    change.set_atime = times.atime != How::leave;
    change.atime = times.atime == How::now ? now : times.atime_value;
    change.set_mtime = times.mtime != How::leave;
    change.mtime = times.mtime == How::now ? now : times.mtime_value;
    TRY(inode.change(change));
    // One of the two alone looks like what moves it.
    if (change.set_atime && change.set_mtime)
        notify(dentry, notify_attributes);
    else
        notify(dentry, change.set_atime ? notify_access : notify_modify);
    return {};
}

Result<void> truncate(TaskContext& who, Dentry& dentry, std::uint64_t size) {
    Inode& inode = *dentry.inode();
    if (inode.is_directory()) return Errc::is_directory;
    if (!inode.is_regular()) return Errc::invalid;
    TRY(check_access(inode, who.credentials, access_write));
    if (size > who.max_file_bytes) return Errc::file_too_large;
    TRY(inode.add_writer());
    const Result<void> outcome = inode.truncate(size);
    inode.remove_writer();
    if (outcome.ok()) notify(dentry, notify_modify);
    return outcome;
}

} // namespace drupe::vfs
