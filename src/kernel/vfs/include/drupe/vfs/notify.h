// SPDX-License-Identifier: BSD-2-Clause
// Events of files, for those who watch them (inotify). What nobody watches costs one test of a byte
// in the inode. An event goes to who watches the inode, and with its name to who watches the
// directory that the file was reached through. Context of all: thread, no spin lock held.
#pragma once

#include <drupe/vfs/file.h>
#include <drupe/vfs/inode.h>

#include <cstdint>
#include <string_view>

namespace drupe::vfs {

/// IN_* of inotify.
enum NotifyEvent : std::uint32_t {
    notify_access = 1,
    notify_modify = 2,
    notify_attributes = 4,
    notify_close_write = 8,
    notify_close_nowrite = 0x10,
    notify_open = 0x20,
    notify_moved_from = 0x40,
    notify_moved_to = 0x80,
    notify_create = 0x100,
    notify_delete = 0x200,
    notify_delete_self = 0x400,
    notify_move_self = 0x800,
    notify_all = 0xfff,
    notify_unmount = 0x2000,
    notify_overflow = 0x4000,
    notify_ignored = 0x8000,
    notify_directory = 0x4000'0000,
};

void notify_dentry_slowly(const Dentry& dentry, std::uint32_t event);
/// Of an open file or of a name.
inline void notify(const Dentry& dentry, std::uint32_t event) {
    if (dentry.inode()->is_watched()) [[unlikely]]
        notify_dentry_slowly(dentry, event);
}
inline void notify(const File& file, std::uint32_t event) {
    if (file.inode().is_watched()) [[unlikely]]
        notify_dentry_slowly(file.dentry(), event);
}

void notify_inode_slowly(Inode& inode, std::uint32_t event);
/// Only to who watches the inode itself.
inline void notify_self(Inode& inode, std::uint32_t event) {
    if (inode.is_watched()) [[unlikely]]
        notify_inode_slowly(inode, event);
}

void notify_name_slowly(Inode& directory, std::string_view name, std::uint32_t event,
                        std::uint32_t cookie);
/// A name in a directory went: of a directory, when `event` says so, too.
inline void notify_name(Inode& directory, std::string_view name, std::uint32_t event,
                        std::uint32_t cookie = 0) {
    if (directory.is_watched()) [[unlikely]]
        notify_name_slowly(directory, name, event, cookie);
}
void notify_new_name_slowly(Inode& directory, const Dentry& entry, std::uint32_t event,
                            std::uint32_t cookie);
/// A name in a directory came; its mutex is held.
inline void notify_new_name(Inode& directory, const Dentry& entry, std::uint32_t event,
                            std::uint32_t cookie = 0) {
    if (directory.is_watched()) [[unlikely]]
        notify_new_name_slowly(directory, entry, event, cookie);
}
/// Ties the two events of a move together.
std::uint32_t next_notify_cookie();

/// The inode goes. Called by its destructor.
void notify_gone(Inode& inode);

} // namespace drupe::vfs
