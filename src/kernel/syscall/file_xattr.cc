// SPDX-License-Identifier: BSD-2-Clause
// Extended attributes: no file system here has any, and says so as tmpfs without them does.
#include "file_call.h"

namespace drupe::syscall {

using namespace vfs;

namespace {

/// fault, out_of_range: an empty name or one too long (xattr(7)).
Result<void> check_name(VirtAddr name) {
    char text[256];
    const Result<std::size_t> length = arch::copy_string_from_user(text, name, sizeof text);
    if (!length.ok())
        return length.error() == Errc::name_too_long ? Errc::out_of_range : length.error();
    return length.value() == 0 ? Errc::out_of_range : Result<void>{};
}

Result<void> check_path(VirtAddr path, std::uint32_t flags) {
    PathAt at;
    TRY(at.read(at_fdcwd, path));
    TRY(at.walk(flags));
    return {};
}

Result<void> check_file(int fd) {
    FileRef file = file_at(fd);
    return file && !file->is_path_only() ? Result<void>{} : Errc::bad_descriptor;
}

Result<Word> refuse_on(Result<void> found, VirtAddr name) {
    TRY(found);
    TRY(check_name(name));
    return Errc::not_supported;
}

} // namespace

Result<Word> setxattr(VirtAddr path, VirtAddr name, VirtAddr, Word, int) {
    return refuse_on(check_path(path, walk_follow), name);
}
Result<Word> lsetxattr(VirtAddr path, VirtAddr name, VirtAddr, Word, int) {
    return refuse_on(check_path(path, 0), name);
}
Result<Word> fsetxattr(int fd, VirtAddr name, VirtAddr, Word, int) {
    return refuse_on(check_file(fd), name);
}
Result<Word> getxattr(VirtAddr path, VirtAddr name, VirtAddr, Word) {
    return refuse_on(check_path(path, walk_follow), name);
}
Result<Word> lgetxattr(VirtAddr path, VirtAddr name, VirtAddr, Word) {
    return refuse_on(check_path(path, 0), name);
}
Result<Word> fgetxattr(int fd, VirtAddr name, VirtAddr, Word) {
    return refuse_on(check_file(fd), name);
}
Result<Word> removexattr(VirtAddr path, VirtAddr name) {
    return refuse_on(check_path(path, walk_follow), name);
}
Result<Word> lremovexattr(VirtAddr path, VirtAddr name) {
    return refuse_on(check_path(path, 0), name);
}
Result<Word> fremovexattr(int fd, VirtAddr name) { return refuse_on(check_file(fd), name); }

// A list of none.
Result<Word> listxattr(VirtAddr path, VirtAddr, Word) {
    TRY(check_path(path, walk_follow));
    return Word{0};
}
Result<Word> llistxattr(VirtAddr path, VirtAddr, Word) {
    TRY(check_path(path, 0));
    return Word{0};
}
Result<Word> flistxattr(int fd, VirtAddr, Word) {
    TRY(check_file(fd));
    return Word{0};
}

} // namespace drupe::syscall
