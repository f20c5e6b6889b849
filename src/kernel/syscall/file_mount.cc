// SPDX-License-Identifier: BSD-2-Clause
// mount and umount2. There are no bind mounts and no propagation between mount namespaces.
#include "file_call.h"

#include <drupe/vfs/file_system.h>

namespace drupe::syscall {

using namespace vfs;

namespace {

enum : std::uint64_t {
    ms_remount = 32,
    ms_bind = 4096,
    ms_move = 8192,
    ms_unbindable = 1 << 17,
    ms_private = 1 << 18,
    ms_slave = 1 << 19,
    ms_shared = 1 << 20,
    ms_magic = 0xc0ed'0000,
    ms_magic_mask = 0xffff'0000,
};

constexpr std::uint32_t kept_flags =
    mount_read_only | mount_no_suid | mount_no_devices | mount_no_exec | mount_no_atime;

/// A string that may be absent.
Result<void> read_optional(PathArgument& text, VirtAddr at) {
    return raw(at) == 0 ? Result<void>{} : text.read(at);
}

Result<RefPtr<Dentry>> walk_to(VirtAddr path_at, std::uint32_t flags) {
    PathAt path;
    TRY(path.read(at_fdcwd, path_at));
    return path.walk(flags);
}

} // namespace

Result<Word> mount(VirtAddr source_at, VirtAddr target_at, VirtAddr type_at, Word flags,
                   VirtAddr data_at) {
    if ((flags & ms_magic_mask) == ms_magic) flags &= ~std::uint64_t{ms_magic_mask};
    PathArgument source, type, data;
    TRY(read_optional(source, source_at));
    TRY(read_optional(type, type_at));
    TRY(read_optional(data, data_at));
    RefPtr<Dentry> at = TRY(walk_to(target_at, walk_follow));
    if (!caller().credentials.is_root()) return Errc::not_permitted;
    const auto kept = static_cast<std::uint32_t>(flags) & kept_flags;
    if (flags & ms_remount) {
        TRY(MountTable::remount(*at, kept));
        return Word{0};
    }
    if (flags & (ms_bind | ms_move)) return Errc::invalid;
    // One namespace only: how mounts spread makes no difference.
    if (flags & (ms_unbindable | ms_private | ms_slave | ms_shared)) return Word{0};
    if (type.is_empty()) return Errc::invalid;
    TRY(MountTable::mount(
        *at, {type.text(), source.is_empty() ? "none" : source.text(), data.text(), kept}));
    return Word{0};
}

Result<Word> umount2(VirtAddr target_at, int flags) {
    enum { force = 1, detach = 2, expire = 4, no_follow = 8 };
    if (flags & ~(force | detach | expire | no_follow)) return Errc::invalid;
    RefPtr<Dentry> at =
        TRY(walk_to(target_at, (flags & no_follow) ? 0u : std::uint32_t{walk_follow}));
    if (!caller().credentials.is_root()) return Errc::not_permitted;
    TRY(MountTable::unmount(*at, (flags & (detach | force)) != 0));
    return Word{0};
}

} // namespace drupe::syscall
