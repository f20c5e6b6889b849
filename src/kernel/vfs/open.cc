// SPDX-License-Identifier: BSD-2-Clause
// Opening by path: finding or making the file, the rights, and what O_TRUNC and O_PATH ask.
#include "directory_ops.h"
#include "walker.h"

#include <drupe/base/format.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/notify.h>
#include <drupe/vfs/operations.h>

namespace drupe::vfs {
namespace {

unsigned wanted_access(std::uint32_t flags) {
    static constexpr unsigned by_mode[4] = {access_read, access_write, access_read | access_write,
                                            access_read | access_write};
    unsigned wanted = by_mode[flags & open_access_mode];
    if (flags & open_truncate) wanted |= access_write;
    return wanted;
}

Result<void> may_open(TaskContext& who, Inode& inode, std::uint32_t flags) {
    const unsigned wanted = wanted_access(flags);
    switch (inode.kind()) {
    case mode_symlink: return Errc::symlink_loop;
    case mode_directory:
        if (wanted & access_write) return Errc::is_directory;
        break;
    case mode_char:
    case mode_block:
        if (inode.fs().mount_flags() & mount_no_devices) return Errc::access;
        break;
    default: break;
    }
    TRY(check_access(inode, who.credentials, wanted));
    if ((flags & open_no_atime) && !who.credentials.is_root() &&
        inode.uid() != who.credentials.effective_uid)
        return Errc::not_permitted;
    return {};
}

enum class Fresh : bool { no, yes };

/// Links may lead on 40 times, and a name appear or vanish between two looks some more.
constexpr unsigned most_tries = 1000;

Result<RefPtr<File>> open_checked(TaskContext& who, Dentry& dentry, std::uint32_t flags,
                                  Fresh fresh) {
    Inode& inode = *dentry.inode();
    if (fresh == Fresh::no) TRY(may_open(who, inode, flags));
    RefPtr<File> file = TRY(inode.open(dentry, flags));
    if (inode.is_regular()) {
        if (wanted_access(flags) & access_write) {
            if (file->is_writable()) {
                TRY(file->claim_writing());
            } else { // O_RDONLY|O_TRUNC writes once
                TRY(inode.add_writer());
                inode.remove_writer();
            }
        }
    }
    notify(*file, notify_open);
    if ((flags & open_truncate) && fresh == Fresh::no && inode.is_regular()) {
        TRY(inode.truncate(0));
        notify(dentry, notify_modify);
    }
    return file;
}

Result<RefPtr<File>> open_temporary_file(TaskContext& who, Dentry* start, const char* path,
                                         const OpenRequest& request) {
    const std::uint32_t access = request.flags & open_access_mode;
    if (access != open_write_only && access != open_read_write) return Errc::invalid;
    RefPtr<Dentry> directory =
        TRY(walk(who, start, path, request.resolve | walk_directory | walk_follow));
    Inode& inode = *directory->inode();
    TRY(check_access(inode, who.credentials, access_write | access_execute));
    const NewNode node = node_for(who, inode, mode_regular | (request.mode & mode_changeable));
    RefPtr<Inode> fresh = TRY(inode.create_unnamed(node));
    char text[24];
    BufferSink name(text);
    format_to(name, "#{}", fresh->ino());
    RefPtr<Dentry> dentry =
        TRY(Dentry::create(directory->fs(), directory.get(), Name(name.text())));
    dentry->set_inode(std::move(fresh));
    return open_checked(who, *dentry, request.flags & ~open_temporary, Fresh::yes);
}

/// Makes the walker's last name; or finds that it exists by now (an empty answer).
Result<RefPtr<File>> create_and_open(TaskContext& who, Walker& walker, const OpenRequest& request) {
    Dentry& directory = walker.directory();
    Inode& inode = *directory.inode();
    RefPtr<Dentry> dentry;
    {
        sched::MutexGuard guard(inode.mutex());
        if (DentryTable::lookup(directory, walker.last())) return RefPtr<File>();
        if (inode.nlink() == 0) return Errc::not_found;
        TRY(check_access(inode, who.credentials, access_write | access_execute));
        dentry = TRY(Dentry::create(directory.fs(), &directory, walker.last()));
        Result<void> made = inode.create_entry(
            *dentry, node_for(who, inode, mode_regular | (request.mode & mode_changeable)));
        const bool keeps = directory.fs().keeps_entries();
        // Elsewhere names come without our doing.
        if (!made.ok() && made.error() == Errc::exists && !keeps) return RefPtr<File>();
        TRY(made);
        if (keeps) DentryTable::insert(*dentry);
        notify_new_name(inode, *dentry, notify_create);
    }
    return open_checked(who, *dentry, request.flags, Fresh::yes);
}

Result<RefPtr<File>> open_or_create(TaskContext& who, Dentry* start, const char* path,
                                    const OpenRequest& request) {
    const std::uint32_t flags = request.flags;
    Walker walker(who, start, path, request.resolve | walk_follow);
    TRY(walker.to_parent());
    for (unsigned tries = 0; tries < most_tries; tries++) {
        if (walker.kind() != Last::name) {
            if (flags & open_exclusive) return Errc::exists;
            return Errc::is_directory;
        }
        if (walker.has_trailing_slash()) return Errc::is_directory;
        Result<RefPtr<Dentry>> found = lookup_child(walker.directory(), walker.last());
        if (!found.ok()) {
            if (found.error() != Errc::not_found) return found.error();
            RefPtr<File> file = TRY(create_and_open(who, walker, request));
            if (file) return file;
            continue; // somebody else made it first
        }
        if (flags & open_exclusive) return Errc::exists;
        RefPtr<Dentry> dentry = found.take_unchecked();
        Inode& inode = *dentry->inode();
        if (inode.is_symlink()) {
            if (flags & open_no_follow) return Errc::symlink_loop;
            dentry = TRY(walker.follow_last(std::move(dentry)));
            if (!dentry) continue;
        }
        if (dentry->inode()->is_directory()) return Errc::is_directory;
        if (flags & open_directory) return Errc::not_directory;
        return open_checked(who, *dentry, flags, Fresh::no);
    }
    return Errc::io; // a file system whose names come and go each time we look
}

} // namespace

NewNode node_for(TaskContext& who, Inode& directory, std::uint32_t mode) {
    NewNode node;
    node.mode = kind_of(mode) | (mode & mode_changeable & ~who.fs->umask());
    node.uid = who.credentials.effective_uid;
    node.gid = who.credentials.effective_gid;
    // A set-gid directory hands down its group, and to directories the bit too.
    if (directory.mode() & mode_setgid) {
        node.gid = directory.gid();
        if (kind_of(mode) == mode_directory)
            node.mode |= mode_setgid;
        else if ((mode & (mode_setgid | 0010)) == (mode_setgid | 0010) && // the umask apart
                 !who.credentials.is_root() && !who.credentials.is_member(node.gid))
            node.mode &= ~std::uint32_t{mode_setgid}; // no program of a group one is not in
    }
    return node;
}

Result<RefPtr<File>> open_dentry(TaskContext& who, Dentry& dentry, std::uint32_t flags) {
    if (flags & open_path) {
        constexpr std::uint32_t kept = open_path | open_directory | open_no_follow | open_cloexec;
        return open_path_file(dentry, flags & kept);
    }
    return open_checked(who, dentry, flags, Fresh::no);
}

Result<RefPtr<File>> open(TaskContext& who, Dentry* start, const char* path,
                          const OpenRequest& request) {
    const std::uint32_t flags = request.flags;
    if (!(flags & open_path)) {
        if ((flags & open_temporary) == open_temporary)
            return open_temporary_file(who, start, path, request);
        if (flags & open_create) return open_or_create(who, start, path, request);
    }
    std::uint32_t walk_flags = request.resolve;
    if (!(flags & open_no_follow)) walk_flags |= walk_follow;
    if (flags & open_directory) walk_flags |= walk_directory;
    RefPtr<Dentry> dentry = TRY(walk(who, start, path, walk_flags));
    return open_dentry(who, *dentry, flags);
}

Result<RefPtr<File>> open_executable(TaskContext& who, Dentry* start, const char* path,
                                     std::uint32_t walk_flags) {
    RefPtr<Dentry> dentry = TRY(walk(who, start, path, walk_flags));
    Inode& inode = *dentry->inode();
    if (inode.is_symlink()) return Errc::symlink_loop;
    if (!inode.is_regular()) return Errc::access;
    if (inode.fs().mount_flags() & mount_no_exec) return Errc::access;
    TRY(check_access(inode, who.credentials, access_execute));
    RefPtr<File> file = TRY(inode.open(*dentry, open_read_only | open_large_file));
    TRY(file->claim_executing());
    notify(*file, notify_open);
    return file;
}

} // namespace drupe::vfs
