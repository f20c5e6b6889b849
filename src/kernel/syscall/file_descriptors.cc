// SPDX-License-Identifier: BSD-2-Clause
// dup, fcntl, flock, ioctl: what is done to descriptors and open files.
#include "file_call.h"

#include <drupe/process/file_owner.h>
#include <drupe/process/process.h>
#include <drupe/vfs/paged_file.h>
#include <drupe/vfs/pipe.h>
#include <drupe/vfs/record_lock.h>

#include <algorithm>

namespace drupe::syscall {

using namespace vfs;
using process::FileOwner;

Result<Word> dup(int fd) {
    TaskContext& who = caller();
    RefPtr<File> file = who.files->get_ref(static_cast<std::uint32_t>(fd));
    if (!file) return Errc::bad_descriptor;
    return Word{TRY(who.files->install(std::move(file), false, who.max_descriptors))};
}

Result<Word> dup3(int old_fd, int new_fd, int flags) {
    if (static_cast<std::uint32_t>(flags) & ~std::uint32_t{open_cloexec}) return Errc::invalid;
    if (old_fd == new_fd) return Errc::invalid;
    TaskContext& who = caller();
    RefPtr<File> file = who.files->get_ref(static_cast<std::uint32_t>(old_fd));
    if (!file) return Errc::bad_descriptor;
    TRY(who.files->install_at(static_cast<std::uint32_t>(new_fd), std::move(file),
                              (static_cast<std::uint32_t>(flags) & open_cloexec) != 0,
                              who.max_descriptors));
    return Word{static_cast<std::uint32_t>(new_fd)};
}

namespace {

/// [linux] uapi/asm-generic/fcntl.h, uapi/linux/fcntl.h
enum FcntlOp : int {
    f_dupfd = 0,
    f_getfd,
    f_setfd,
    f_getfl,
    f_setfl,
    f_getlk,
    f_setlk,
    f_setlkw,
    f_setown,
    f_getown,
    f_setsig,
    f_getsig,
    f_setown_ex = 15,
    f_getown_ex,
    f_ofd_getlk = 36,
    f_ofd_setlk,
    f_ofd_setlkw,
    f_dupfd_cloexec = 1030,
    f_setpipe_sz,
    f_getpipe_sz,
    f_add_seals,
    f_get_seals,
};

/// struct flock.
struct UserLock {
    std::int16_t type, whence;
    std::int32_t pad;
    std::int64_t start, length;
    std::int32_t pid, pad2;
};
static_assert(sizeof(UserLock) == 32);
enum : std::int16_t { lock_read = 0, lock_write = 1, lock_none = 2 };

/// invalid, overflow: what the numbers make no range.
Result<void> decode_range(File& file, const UserLock& lock, RecordLockRequest& range) {
    std::int64_t start = lock.start, base = 0;
    switch (lock.whence) {
    case seek_set: break;
    case seek_current: base = static_cast<std::int64_t>(file.position()); break;
    case seek_end: base = static_cast<std::int64_t>(file.inode().size()); break;
    default: return Errc::invalid;
    }
    if (__builtin_add_overflow(base, start, &start)) return Errc::overflow;
    if (start < 0) return Errc::invalid;
    std::int64_t last = INT64_MAX;
    if (lock.length > 0) {
        if (__builtin_add_overflow(start, lock.length - 1, &last)) return Errc::overflow;
    } else if (lock.length < 0) {
        // The bytes before the start.
        last = start - 1;
        if (__builtin_add_overflow(start, lock.length, &start)) return Errc::overflow;
        if (start < 0) return Errc::invalid;
    }
    range.first = static_cast<std::uint64_t>(start);
    range.last = static_cast<std::uint64_t>(last);
    return {};
}

Result<RecordLockRequest> decode_lock(File& file, const UserLock& lock, bool is_ofd) {
    RecordLockRequest request;
    switch (lock.type) {
    case lock_read: request.type = LockType::shared; break;
    case lock_write: request.type = LockType::exclusive; break;
    case lock_none: request.type = LockType::none; break;
    default: return Errc::invalid;
    }
    if (is_ofd && lock.pid != 0) return Errc::invalid;
    TRY(decode_range(file, lock, request));
    request.is_ofd = is_ofd;
    request.owner = is_ofd ? static_cast<const void*>(&file) : caller().files;
    request.pid = is_ofd ? -1 : process::current_process().pid;
    return request;
}

Result<Word> set_lock(File& file, VirtAddr at, bool is_ofd, WhenHeld when_held) {
    const UserLock lock = TRY(arch::get_user<UserLock>(at));
    const RecordLockRequest request = TRY(decode_lock(file, lock, is_ofd));
    if ((request.type == LockType::shared && !file.is_readable()) ||
        (request.type == LockType::exclusive && !file.is_writable()))
        return Errc::bad_descriptor;
    TRY(set_record_lock(file.inode(), request, when_held));
    return Word{0};
}

Result<Word> get_lock(File& file, VirtAddr at, bool is_ofd) {
    UserLock lock = TRY(arch::get_user<UserLock>(at));
    RecordLockRequest request = TRY(decode_lock(file, lock, is_ofd));
    if (request.type == LockType::none) return Errc::invalid;
    const RecordLockRequest held = test_record_lock(file.inode(), request);
    lock.type = lock_none;
    if (held.type != LockType::none) {
        lock.type = held.type == LockType::shared ? lock_read : lock_write;
        lock.whence = seek_set;
        lock.start = static_cast<std::int64_t>(held.first);
        lock.length = held.last == static_cast<std::uint64_t>(INT64_MAX)
                          ? 0
                          : static_cast<std::int64_t>(held.last - held.first + 1);
        lock.pid = held.pid;
    }
    TRY(arch::put_user(at, lock));
    return Word{0};
}

Result<Word> duplicate(int fd, Word from, bool close_on_exec) {
    TaskContext& who = caller();
    if (from >= who.max_descriptors || from >= FdTable::most) return Errc::invalid;
    RefPtr<File> file = who.files->get_ref(static_cast<std::uint32_t>(fd));
    if (!file) return Errc::bad_descriptor;
    return Word{TRY(who.files->install(std::move(file), close_on_exec, who.max_descriptors,
                                       static_cast<std::uint32_t>(from)))};
}

Result<void> set_async(int fd, File& file, bool on) {
    if (((file.flags() & open_async) != 0) == on) return {};
    if (!on) return file.set_async(nullptr);
    const process::Process& self = process::current_process();
    const AsyncRequest request{.fd = fd,
                               .tell = &FileOwner::tell,
                               .pid = self.pid,
                               .uid = self.credentials.uid,
                               .euid = self.credentials.euid};
    return file.set_async(&request);
}

Result<Word> set_status(int fd, File& file, std::uint32_t flags) {
    if ((flags & open_no_atime) && !(file.flags() & open_no_atime) &&
        !caller().credentials.is_root() && file.inode().uid() != caller().credentials.effective_uid)
        return Errc::not_permitted;
    // Files that tell nothing take the flag for nothing.
    if (const Errc refused = set_async(fd, file, (flags & open_async) != 0).error();
        refused != Errc::ok && refused != Errc::not_terminal)
        return refused;
    TRY(file.set_flags(flags));
    return Word{0};
}

PagedInode* as_paged(File& file) {
    return file.inode().is_regular() ? file.inode().as_paged() : nullptr;
}

Result<Word> seals(File& file, int op, Word argument) {
    PagedInode* inode = as_paged(file);
    if (!inode) return Errc::invalid;
    if (op == f_get_seals) return Word{TRY(inode->seals())};
    if (!file.is_writable()) return Errc::not_permitted;
    if (argument >> 32) return Errc::invalid;
    TRY(inode->add_seals(static_cast<std::uint32_t>(argument)));
    return Word{0};
}

/// A negative number names a group.
Result<Word> set_owner(File& file, std::int32_t who) {
    if (who == INT32_MIN) return Errc::invalid;
    const FileOwner owner = who < 0 ? TRY(FileOwner::create(FileOwner::Type::group, -who))
                                    : TRY(FileOwner::create(FileOwner::Type::process, who));
    owner.store_in(file);
    return Word{0};
}

Result<Word> owner(File& file, int op, Word argument) {
    struct OwnerEx {
        std::int32_t type, pid;
    };
    using Type = FileOwner::Type;
    switch (op) {
    case f_setown: return set_owner(file, static_cast<std::int32_t>(argument));
    case f_getown: {
        const FileOwner owner(file);
        const std::int64_t id = owner.id();
        return static_cast<Word>(owner.type() == Type::group ? -id : id);
    }
    case f_setsig:
        if (argument > 64) return Errc::invalid;
        file.owner_signal = static_cast<std::int32_t>(argument);
        return Word{0};
    case f_getsig: return static_cast<Word>(file.owner_signal.load());
    case f_setown_ex: {
        const OwnerEx value = TRY(arch::get_user<OwnerEx>(VirtAddr{argument}));
        if (value.type < 0 || value.type > static_cast<int>(Type::group)) return Errc::invalid;
        TRY(FileOwner::create(static_cast<Type>(value.type), value.pid)).store_in(file);
        return Word{0};
    }
    default: {
        const FileOwner owner(file);
        TRY(arch::put_user(VirtAddr{argument},
                           OwnerEx{static_cast<std::int32_t>(owner.type()), owner.id()}));
        return Word{0};
    }
    }
}

Result<Word> set_capacity(File& file, Word argument) {
    constexpr Word most = 1u << 20; // fs/pipe-max-size
    if (argument > most && !caller().credentials.is_root()) return Errc::not_permitted;
    if (argument > (Word{1} << 31)) return Errc::invalid;
    return Word{TRY(set_pipe_capacity(file, argument))};
}

} // namespace

Result<Word> fcntl(int fd, int op, Word argument) {
    FdTable& table = *caller().files;
    const auto number = static_cast<std::uint32_t>(fd);
    FileRef file = file_at(fd);
    if (!file) return Errc::bad_descriptor;
    switch (op) {
    case f_dupfd: return duplicate(fd, argument, false);
    case f_dupfd_cloexec: return duplicate(fd, argument, true);
    case f_getfd: return Word{TRY(table.is_close_on_exec(number))};
    case f_setfd: TRY(table.set_close_on_exec(number, (argument & 1) != 0)); return Word{0};
    case f_getfl: return Word{file->flags() & ~std::uint32_t{open_cloexec}};
    default: break;
    }
    if (file->is_path_only()) return Errc::bad_descriptor;
    const VirtAddr at{argument};
    switch (op) {
    case f_setfl: return set_status(fd, *file, static_cast<std::uint32_t>(argument));
    case f_getlk: return get_lock(*file, at, false);
    case f_setlk: return set_lock(*file, at, false, WhenHeld::fail);
    case f_setlkw: return set_lock(*file, at, false, WhenHeld::wait);
    case f_ofd_getlk: return get_lock(*file, at, true);
    case f_ofd_setlk: return set_lock(*file, at, true, WhenHeld::fail);
    case f_ofd_setlkw: return set_lock(*file, at, true, WhenHeld::wait);
    case f_setown:
    case f_getown:
    case f_setsig:
    case f_getsig:
    case f_setown_ex:
    case f_getown_ex: return owner(*file, op, argument);
    case f_getpipe_sz: return Word{TRY(pipe_capacity(*file))};
    case f_setpipe_sz: return set_capacity(*file, argument);
    case f_add_seals:
    case f_get_seals: return seals(*file, op, argument);
    default: return Errc::invalid;
    }
}

Result<Word> flock(int fd, int operation) {
    enum { lock_sh = 1, lock_ex = 2, lock_nb = 4, lock_un = 8 };
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    LockType type = LockType::none;
    switch (operation & ~lock_nb) {
    case lock_sh: type = LockType::shared; break;
    case lock_ex: type = LockType::exclusive; break;
    case lock_un: break;
    default: return Errc::invalid;
    }
    TRY(set_flock(*file, type, (operation & lock_nb) ? WhenHeld::fail : WhenHeld::wait));
    return Word{0};
}

namespace {

/// [linux] uapi/asm-generic/ioctls.h: those that every file answers.
enum : std::uint32_t {
    fionread = 0x541b,
    fionbio = 0x5421,
    fionclex = 0x5450,
    fioclex = 0x5451,
    fioasync = 0x5452,
};

Result<Word> set_nonblock(File& file, Word argument) {
    const bool on = TRY(arch::get_user<std::int32_t>(VirtAddr{argument})) != 0;
    constexpr std::uint32_t flag = open_nonblock;
    TRY(file.set_flags(on ? file.flags() | flag : file.flags() & ~flag));
    return Word{0};
}

} // namespace

Result<Word> ioctl(int fd, std::uint32_t request, Word argument) {
    FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    FdTable& table = *caller().files;
    const auto number = static_cast<std::uint32_t>(fd);
    switch (request) {
    case fioclex: TRY(table.set_close_on_exec(number, true)); return Word{0};
    case fionclex: TRY(table.set_close_on_exec(number, false)); return Word{0};
    case fionbio: return set_nonblock(*file, argument);
    case fioasync: {
        const bool on = TRY(arch::get_user<std::int32_t>(VirtAddr{argument})) != 0;
        TRY(set_async(fd, *file, on));
        return Word{0};
    }
    case fionread:
        if (file->inode().is_regular()) {
            const std::uint64_t size = file->inode().size(), at = file->position();
            const std::uint64_t left = size > at ? size - at : 0;
            TRY(arch::put_user(VirtAddr{argument}, static_cast<std::int32_t>(left)));
            return Word{0};
        }
        return file->ioctl(request, argument);
    default: return file->ioctl(request, argument);
    }
}

} // namespace drupe::syscall
