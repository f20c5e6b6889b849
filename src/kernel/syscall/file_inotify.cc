// SPDX-License-Identifier: BSD-2-Clause
// [linux] fs/notify/inotify/inotify_user.c
#include "file_call.h"

#include <drupe/vfs/inotify.h>
#include <drupe/vfs/notify.h>

namespace drupe::syscall {

using namespace vfs;

namespace {

enum AddFlag : std::uint32_t { only_directory = 0x0100'0000, dont_follow = 0x0200'0000 };

Result<InotifyFile*> inotify_of(const FileRef& file) {
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    auto* inotify = file_as<InotifyFile>(*file);
    if (!inotify) return Errc::invalid;
    return inotify;
}

} // namespace

Result<Word> inotify_init1(int flags) {
    const auto wanted = static_cast<std::uint32_t>(flags);
    if (wanted & ~(open_cloexec | open_nonblock)) return Errc::invalid;
    TaskContext& who = caller();
    RefPtr<File> file = TRY(InotifyFile::create(wanted & open_nonblock, caller().credentials.uid));
    return Word{TRY(
        who.files->install(std::move(file), (wanted & open_cloexec) != 0, who.max_descriptors))};
}

Result<Word> inotify_add_watch(int fd, VirtAddr path, std::uint32_t mask) {
    constexpr std::uint32_t known = notify_all | notify_unmount | notify_overflow | notify_ignored |
                                    notify_directory | only_directory | dont_follow |
                                    InotifyFile::excludes_unlinked | InotifyFile::keeps_existing |
                                    InotifyFile::adds | InotifyFile::once;
    if (!(mask & known)) return Errc::invalid;
    const FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    if ((mask & InotifyFile::adds) && (mask & InotifyFile::keeps_existing)) return Errc::invalid;
    InotifyFile* inotify = TRY(inotify_of(file));
    PathAt at;
    TRY(at.read(at_fdcwd, path));
    RefPtr<Dentry> dentry =
        TRY(at.walk((mask & dont_follow ? 0u : std::uint32_t{walk_follow}) |
                    (mask & only_directory ? std::uint32_t{walk_directory} : 0u)));
    TRY(check_access(*dentry->inode(), caller().credentials, access_read));
    return static_cast<Word>(TRY(inotify->watch(*dentry, mask)));
}

Result<Word> inotify_rm_watch(int fd, int number) {
    const FileRef file = file_at(fd);
    InotifyFile* inotify = TRY(inotify_of(file));
    TRY(inotify->forget(number));
    return Word{0};
}

} // namespace drupe::syscall
