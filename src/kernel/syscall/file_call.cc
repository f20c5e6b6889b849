// SPDX-License-Identifier: BSD-2-Clause
#include "file_call.h"

#include <drupe/process/signal.h>
#include <drupe/process/task_table.h>

#include <algorithm>
#include <new>

namespace drupe::syscall {

PathArgument::~PathArgument() { ::operator delete(long_); }

Result<void> PathArgument::read(VirtAddr path) {
    const Result<std::size_t> length = arch::copy_string_from_user(short_, path, sizeof short_);
    if (length.ok()) [[likely]] {
        text_ = short_;
        return {};
    }
    if (length.error() != Errc::name_too_long) return length.error();
    return read_long(path);
}

Result<void> PathArgument::read_long(VirtAddr path) {
    long_ = static_cast<char*>(::operator new(vfs::max_path, std::nothrow));
    if (!long_) return Errc::no_memory;
    TRY(arch::copy_string_from_user(long_, path, vfs::max_path));
    text_ = long_;
    return {};
}

Result<void> StartAt::find(int dirfd, const char* path) {
    if (dirfd == at_fdcwd || *path == '/') return {};
    vfs::FileRef file = file_at(dirfd);
    if (!file) return Errc::bad_descriptor;
    start_ = &file->dentry();
    new (&file_) vfs::FileRef(std::move(file)); // the old one holds nothing
    return {};
}

Result<RefPtr<vfs::Dentry>> find_object(int dirfd, VirtAddr path, int at_flags) {
    if ((at_flags & at_empty_path) || raw(path) == 0) {
        // The common case of fstat: only the descriptor matters.
        bool is_empty = raw(path) == 0;
        if (!is_empty) is_empty = TRY(arch::get_user<char>(path)) == 0;
        if (is_empty && dirfd >= 0) {
            vfs::FileRef file = file_at(dirfd);
            if (!file) return Errc::bad_descriptor;
            return RefPtr<vfs::Dentry>(&file->dentry());
        }
        if (raw(path) == 0) return Errc::fault;
    }
    PathAt at;
    TRY(at.read(dirfd, path));
    return at.walk(walk_flags(at_flags));
}

Vectors::~Vectors() {
    if (vectors_ != few_) delete[] vectors_;
}

Result<void> Vectors::read(VirtAddr vectors, std::int64_t count) {
    if (count < 0 || count > static_cast<std::int64_t>(most)) return Errc::invalid;
    count_ = static_cast<std::size_t>(count);
    if (count_ > few) {
        vectors_ = new (std::nothrow) vfs::IoVector[count_];
        if (!vectors_) {
            vectors_ = few_;
            return Errc::no_memory;
        }
    }
    TRY(arch::copy_from_user(vectors_, vectors, count_ * sizeof(vfs::IoVector)));
    Word sum = 0;
    for (std::size_t i = 0; i < count_; i++) {
        if (static_cast<std::int64_t>(vectors_[i].length) < 0) return Errc::invalid;
        // As Linux: what goes beyond the most a call moves is cut, not refused.
        vectors_[i].length = std::min(vectors_[i].length, most_moved - sum);
        sum += vectors_[i].length;
    }
    return {};
}

vfs::IoBuffer Vectors::buffer() const { return vfs::IoBuffer::user({vectors_, count_}); }

void raise_signal(int signo) {
    IrqGuard guard{process::tasks_lock()};
    (void)process::send_signal_locked(process::current_user(),
                                      process::SigInfo::from_kernel(signo));
}

Errc raise_for(Errc errc) {
    if (errc == Errc::broken_pipe) raise_signal(process::sigpipe);
    return errc;
}

Result<void> cut_to_file_limit(vfs::File& file, vfs::IoBuffer& buffer, std::uint64_t offset) {
    const std::uint64_t limit = caller().max_file_bytes;
    if (!file.inode().is_regular() || buffer.size() == 0) return {};
    if (file.is_append()) offset = file.inode().size();
    if (offset >= limit) {
        raise_signal(process::sigxfsz);
        return Errc::file_too_large;
    }
    buffer.limit(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), limit - offset)));
    return {};
}

} // namespace drupe::syscall
