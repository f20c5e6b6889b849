// SPDX-License-Identifier: BSD-2-Clause
// Opening and closing.
#include "file_call.h"
#include "growing_struct.h"

#include <drupe/process/lifecycle.h>
#include <drupe/process/unshare.h>
#include <drupe/vfs/pipe.h>

#include <algorithm>

namespace drupe::syscall {

using namespace vfs;

namespace {

Result<Word> open_at(int dirfd, VirtAddr path, const OpenRequest& request) {
    PathAt at;
    TRY(at.read(dirfd, path));
    TaskContext& who = caller();
    RefPtr<File> file = TRY(vfs::open(who, at.start(), at.text(), request));
    return Word{TRY(who.files->install(std::move(file), (request.flags & open_cloexec) != 0,
                                       who.max_descriptors))};
}

/// struct open_how.
struct OpenHow {
    std::uint64_t flags, mode, resolve;
};

constexpr std::uint32_t known_flags =
    open_access_mode | open_create | open_exclusive | open_no_terminal | open_truncate |
    open_append | open_nonblock | open_sync | open_async | open_directory | open_no_follow |
    open_direct | open_large_file | open_no_atime | open_cloexec | open_path | open_temporary;

enum : std::uint64_t {
    resolve_no_xdev = 1,
    resolve_no_magic_links = 2,
    resolve_no_symlinks = 4,
    resolve_beneath = 8,
    resolve_in_root = 16,
    resolve_cached = 32,
};

/// invalid: a bit nobody knows, or a combination that makes no sense (openat2(2)).
Result<std::uint32_t> resolve_flags(std::uint64_t resolve) {
    if (resolve & ~std::uint64_t{63}) return Errc::invalid;
    if ((resolve & resolve_beneath) && (resolve & resolve_in_root)) return Errc::invalid;
    std::uint32_t flags = 0;
    if (resolve & resolve_no_xdev) flags |= walk_one_file_system;
    if (resolve & resolve_no_magic_links) flags |= walk_no_magic_links;
    if (resolve & resolve_no_symlinks) flags |= walk_no_symlinks;
    if (resolve & resolve_beneath) flags |= walk_beneath;
    if (resolve & resolve_in_root) flags |= walk_in_root;
    return flags;
}

} // namespace

Result<Word> openat(int dirfd, VirtAddr path, int flags, std::uint32_t mode) {
    OpenRequest request;
    request.flags = (static_cast<std::uint32_t>(flags) & known_flags) | open_large_file;
    request.mode = mode & mode_changeable;
    return open_at(dirfd, path, request);
}

Result<Word> openat2(int dirfd, VirtAddr path, VirtAddr how_at, Word size) {
    const OpenHow how = TRY(get_growing<OpenHow>(how_at, size, sizeof(OpenHow)));
    if (how.flags & ~std::uint64_t{known_flags}) return Errc::invalid;
    const auto flags = static_cast<std::uint32_t>(how.flags);
    const bool creates =
        (flags & open_create) != 0 || (flags & open_temporary) == std::uint32_t{open_temporary};
    if (how.mode & ~std::uint64_t{mode_changeable}) return Errc::invalid;
    if (how.mode != 0 && !creates) return Errc::invalid;
    if ((flags & open_path) &&
        (flags & ~(open_path | open_directory | open_no_follow | open_cloexec)))
        return Errc::invalid;
    OpenRequest request;
    request.flags = flags | open_large_file;
    request.mode = static_cast<std::uint32_t>(how.mode);
    request.resolve = TRY(resolve_flags(how.resolve));
    if (how.resolve & resolve_cached) return Errc::would_block; // "not in a cache" is always true
    return open_at(dirfd, path, request);
}

Result<Word> close(int fd) {
    TRY(caller().files->close(static_cast<std::uint32_t>(fd)));
    return Word{0};
}

Result<Word> close_range(std::uint32_t first, std::uint32_t last, std::uint32_t flags) {
    enum : std::uint32_t { unshare = 2, cloexec = 4 };
    if (first > last || (flags & ~(unshare | cloexec))) return Errc::invalid;
    if (flags & unshare) TRY(process::unshare(process::clone_files));
    caller().files->close_range(first, last, (flags & cloexec) != 0);
    return Word{0};
}

Result<Word> pipe2(VirtAddr fds, int flags) {
    const auto wanted = static_cast<std::uint32_t>(flags);
    if (wanted & ~(open_cloexec | open_nonblock)) return Errc::invalid;
    TaskContext& who = caller();
    const bool cloexec = (wanted & open_cloexec) != 0;
    PipeEnds ends = TRY(create_pipe(wanted & open_nonblock));
    const std::uint32_t reader = TRY(who.files->reserve(cloexec, who.max_descriptors));
    const Result<std::uint32_t> writer = who.files->reserve(cloexec, who.max_descriptors);
    if (!writer.ok()) {
        who.files->unreserve(reader);
        return writer.error();
    }
    const std::int32_t pair[2] = {static_cast<std::int32_t>(reader),
                                  static_cast<std::int32_t>(writer.value())};
    const Result<void> told = arch::copy_to_user(fds, pair, sizeof pair);
    if (!told.ok()) {
        who.files->unreserve(reader);
        who.files->unreserve(writer.value());
        return told.error();
    }
    who.files->fill(reader, std::move(ends.read_end));
    who.files->fill(writer.value(), std::move(ends.write_end));
    return Word{0};
}

Result<Word> memfd_create(VirtAddr name_at, std::uint32_t flags) {
    enum : std::uint32_t { cloexec = 1, allow_sealing = 2 };
    if (flags & ~(cloexec | allow_sealing)) return Errc::invalid;
    char name[250];
    const Result<std::size_t> length = arch::copy_string_from_user(name, name_at, sizeof name);
    if (!length.ok()) return length.error() == Errc::name_too_long ? Errc::invalid : length.error();
    TaskContext& who = caller();
    RefPtr<File> file = TRY(create_memory_file(
        {name, length.value()}, (flags & allow_sealing) ? Sealing::allowed : Sealing::never));
    return Word{
        TRY(who.files->install(std::move(file), (flags & cloexec) != 0, who.max_descriptors))};
}

} // namespace drupe::syscall
