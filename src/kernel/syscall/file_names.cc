// SPDX-License-Identifier: BSD-2-Clause
// Making, removing and renaming names; the working directory; listing.
#include "file_call.h"

#include <drupe/vfs/file_system.h>
#include <drupe/vfs/notify.h>

#include <algorithm>
#include <cstring>

namespace drupe::syscall {

using namespace vfs;

Result<Word> mkdirat(int dirfd, VirtAddr path, std::uint32_t mode) {
    PathAt at;
    TRY(at.read(dirfd, path));
    TRY(make_directory(caller(), at.start(), at.text(), mode));
    return Word{0};
}

Result<Word> mknodat(int dirfd, VirtAddr path, std::uint32_t mode, std::uint32_t device) {
    PathAt at;
    TRY(at.read(dirfd, path));
    TRY(make_node(caller(), at.start(), at.text(), mode, device));
    return Word{0};
}

Result<Word> unlinkat(int dirfd, VirtAddr path, int flags) {
    if (flags & ~at_removedir) return Errc::invalid;
    PathAt at;
    TRY(at.read(dirfd, path));
    if (flags & at_removedir)
        TRY(remove_directory(caller(), at.start(), at.text()));
    else
        TRY(vfs::unlink(caller(), at.start(), at.text()));
    return Word{0};
}

Result<Word> symlinkat(VirtAddr target, int dirfd, VirtAddr path) {
    PathArgument text;
    TRY(text.read(target));
    PathAt at;
    TRY(at.read(dirfd, path));
    TRY(make_symlink(caller(), text.text(), at.start(), at.text()));
    return Word{0};
}

Result<Word> linkat(int old_dirfd, VirtAddr old_path, int new_dirfd, VirtAddr new_path, int flags) {
    if (flags & ~(at_symlink_follow | at_empty_path)) return Errc::invalid;
    PathAt from, to;
    TRY(from.read(old_dirfd, old_path));
    TRY(to.read(new_dirfd, new_path));
    if ((flags & at_empty_path) && !caller().credentials.is_root()) return Errc::not_found;
    const std::uint32_t walk = ((flags & at_symlink_follow) ? std::uint32_t{walk_follow} : 0u) |
                               ((flags & at_empty_path) ? std::uint32_t{walk_empty_ok} : 0u);
    TRY(make_link(caller(), from.start(), from.text(), to.start(), to.text(), walk));
    return Word{0};
}

Result<Word> renameat2(int old_dirfd, VirtAddr old_path, int new_dirfd, VirtAddr new_path,
                       std::uint32_t flags) {
    if (flags & ~std::uint32_t{rename_no_replace | rename_exchange}) return Errc::invalid;
    if (flags == (rename_no_replace | rename_exchange)) return Errc::invalid;
    PathAt from, to;
    TRY(from.read(old_dirfd, old_path));
    TRY(to.read(new_dirfd, new_path));
    TRY(vfs::rename(caller(), from.start(), from.text(), to.start(), to.text(), flags));
    return Word{0};
}

Result<Word> renameat(int old_dirfd, VirtAddr old_path, int new_dirfd, VirtAddr new_path) {
    return renameat2(old_dirfd, old_path, new_dirfd, new_path, 0);
}

Result<Word> getcwd(VirtAddr to, Word size) {
    TaskContext& who = caller();
    RefPtr<Dentry> cwd = who.fs->cwd();
    if (!cwd->is_root() && !cwd->is_in_table() && cwd->fs().keeps_entries()) return Errc::not_found;
    OwnPtr<PathBuffer> buffer = TRY(make_own<PathBuffer>());
    // One byte stays for the NUL.
    buffer->text[max_path - 1] = 0;
    RefPtr<Dentry> root = who.fs->root();
    const std::string_view path = TRY(path_of(*cwd, root.get(), {buffer->text, max_path - 1}));
    if (path.size() + 1 > size) return Errc::out_of_range;
    TRY(arch::copy_to_user(to, path.data(), path.size() + 1));
    return Word{path.size() + 1};
}

namespace {

Result<void> may_enter(Dentry& directory) {
    if (!directory.inode()->is_directory()) return Errc::not_directory;
    return check_access(*directory.inode(), caller().credentials, access_execute);
}

} // namespace

Result<Word> chdir(VirtAddr path) {
    PathAt at;
    TRY(at.read(at_fdcwd, path));
    RefPtr<Dentry> directory = TRY(at.walk(walk_follow | walk_directory));
    TRY(may_enter(*directory));
    caller().fs->set_cwd(std::move(directory));
    return Word{0};
}

Result<Word> fchdir(int fd) {
    FileRef file = file_at(fd);
    if (!file) return Errc::bad_descriptor;
    TRY(may_enter(file->dentry()));
    caller().fs->set_cwd(RefPtr<Dentry>(&file->dentry()));
    return Word{0};
}

Result<Word> chroot(VirtAddr path) {
    PathAt at;
    TRY(at.read(at_fdcwd, path));
    RefPtr<Dentry> directory = TRY(at.walk(walk_follow | walk_directory));
    TRY(may_enter(*directory));
    if (!caller().credentials.is_root()) return Errc::not_permitted;
    caller().fs->set_root(std::move(directory));
    return Word{0};
}

namespace {

/// Lays entries out as struct linux_dirent64 in the program's buffer.
class UserEntries final : public DirectorySink {
public:
    UserEntries(VirtAddr to, Word size) : to_(to), left_(size) {}
    bool add(std::string_view name, std::uint64_t ino, std::uint8_t type,
             std::uint64_t next_cookie) override {
        constexpr std::size_t name_at = 19;
        const std::size_t bytes = align_up(name_at + name.size() + 1, 8);
        if (bytes > left_) {
            if (used_ == 0) outcome_ = Errc::invalid;
            return false;
        }
        char entry[name_at + max_name + 8];
        const auto length = static_cast<std::uint16_t>(bytes);
        std::memcpy(entry, &ino, 8);
        std::memcpy(entry + 8, &next_cookie, 8);
        std::memcpy(entry + 16, &length, 2);
        entry[18] = static_cast<char>(type);
        std::memcpy(entry + name_at, name.data(), name.size());
        std::memset(entry + name_at + name.size(), 0, bytes - name_at - name.size());
        if (!arch::copy_to_user(to_ + used_, entry, bytes).ok()) {
            if (used_ == 0) outcome_ = Errc::fault;
            return false;
        }
        used_ += bytes;
        left_ -= bytes;
        return true;
    }
    Result<Word> outcome() const {
        if (outcome_ != Errc::ok) return outcome_;
        return used_;
    }

private:
    VirtAddr to_;
    Word left_;
    Word used_ = 0;
    Errc outcome_ = Errc::ok;
};

} // namespace

Result<Word> getdents64(int fd, VirtAddr to, Word size) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    UserEntries entries(to, static_cast<std::uint32_t>(size));
    TRY(file->read_directory(entries));
    notify(*file, notify_access);
    return entries.outcome();
}

} // namespace drupe::syscall
