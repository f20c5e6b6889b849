// SPDX-License-Identifier: BSD-2-Clause
// What all open files share, and the two kinds every file system has: directories and O_PATH.
#include "record_locks.h"

#include <drupe/vfs/file.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/notify.h>

namespace drupe::vfs {
namespace {

// What F_GETFL does not show again: these act at open only.
constexpr std::uint32_t open_only = open_create | open_exclusive | open_no_terminal | open_truncate;

class PathFile final : public File {
public:
    PathFile(Dentry& dentry, std::uint32_t flags) : File(dentry, flags) {}
};

class DirectoryFile final : public File {
public:
    DirectoryFile(Dentry& dentry, std::uint32_t flags) : File(dentry, flags) {}
    Result<std::size_t> read(IoBuffer&) override { return Errc::is_directory; }
    Result<std::size_t> read_at(IoBuffer&, std::uint64_t) override { return Errc::is_directory; }
    Result<std::uint64_t> seek(std::int64_t offset, int whence) override;
    Result<void> sync(bool) override { return {}; }
    Result<void> read_directory(DirectorySink& sink) override;
};

Result<std::uint64_t> DirectoryFile::seek(std::int64_t offset, int whence) {
    sched::MutexGuard guard(position_mutex_);
    if (whence == seek_current)
        offset += static_cast<std::int64_t>(position_);
    else if (whence != seek_set)
        return Errc::invalid;
    if (offset < 0) return Errc::invalid;
    position_ = static_cast<std::uint64_t>(offset);
    return position_;
}

/// Passes entries on and remembers how far the caller got.
class Remembering final : public DirectorySink {
public:
    Remembering(DirectorySink& to, std::uint64_t& position) : to_(to), position_(position) {}
    bool add(std::string_view name, std::uint64_t ino, std::uint8_t type,
             std::uint64_t next) override {
        if (!to_.add(name, ino, type, next)) return false;
        position_ = next;
        return true;
    }

private:
    DirectorySink& to_;
    std::uint64_t& position_;
};

// Cookies: 0 and 1 are "." and "..", the file system's begin at 2.
Result<void> DirectoryFile::read_directory(DirectorySink& sink) {
    sched::MutexGuard position(position_mutex_);
    Remembering out(sink, position_);
    constexpr std::uint8_t type = directory_entry_type(mode_directory);
    Inode& directory = inode();
    sched::MutexGuard guard(directory.mutex());
    if (directory.nlink() == 0) return Errc::not_found;
    directory.touch_atime();
    if (position_ == 0 && !out.add(".", directory.ino(), type, 1)) return {};
    if (position_ == 1) {
        RefPtr<Dentry> above = dentry().parent();
        if (dentry().is_root())
            if (RefPtr<Dentry> at = dentry().fs().mount_point()) above = at->parent();
        if (!out.add("..", above->inode()->ino(), type, 2)) return {};
    }
    return directory.iterate(dentry(), position_, out);
}

} // namespace

File::File(Dentry& dentry, std::uint32_t flags)
    : dentry_(&dentry), inode_(dentry.inode()), flags_(flags & ~open_only), mode_(0) {
    dentry.retain();
    dentry.fs().add_user();
    if (flags & open_path) {
        mode_ = path_only;
        return;
    }
    static constexpr std::uint8_t modes[4] = {can_read, can_write, can_read | can_write, 0};
    mode_ = modes[flags & open_access_mode];
}

File::~File() {
    // Locks of this file's own are older than the reference that goes here.
    if (inode_->locks.load(std::memory_order_relaxed)) [[unlikely]]
        release_file_locks(*this);
    if (mode_ & counts_as_writer) inode_->remove_writer();
    if (mode_ & denies_writers) inode_->allow_writers();
    RefPtr<FileSystem> fs(&dentry_->fs());
    dentry_->release();
    fs->remove_user();
}

void File::tell_closed() const {
    if (!is_path_only()) notify(*this, is_writable() ? notify_close_write : notify_close_nowrite);
}

Result<void> File::claim_writing() {
    TRY(inode_->add_writer());
    mode_ |= counts_as_writer;
    return {};
}

Result<void> File::claim_executing() {
    TRY(inode_->deny_writers());
    mode_ |= denies_writers;
    return {};
}

Result<std::size_t> File::read(IoBuffer& buffer) {
    // As in Linux, the position is guarded only when somebody else could use this file at once.
    if (use_count() == 1) [[likely]]
        return read_on(buffer);
    sched::MutexGuard guard(position_mutex_);
    return read_on(buffer);
}

// Apart, so that the common case has one frame and the other its own.
[[gnu::noinline]] Result<std::size_t> File::read_on(IoBuffer& buffer) {
    const Result<std::size_t> moved = read_at(buffer, position_);
    if (moved.ok()) position_ += moved.value();
    return moved;
}

Result<std::size_t> File::write(IoBuffer& buffer) {
    if (use_count() == 1) [[likely]]
        return write_on(buffer);
    sched::MutexGuard guard(position_mutex_);
    return write_on(buffer);
}

[[gnu::noinline]] Result<std::size_t> File::write_on(IoBuffer& buffer) {
    std::uint64_t at = position_;
    const Result<std::size_t> moved = write_at(buffer, at, is_append());
    if (moved.ok() && moved.value() != 0) position_ = at + moved.value();
    return moved;
}

Result<std::size_t> File::read_at(IoBuffer&, std::uint64_t) { return Errc::illegal_seek; }
Result<std::size_t> File::write_at(IoBuffer&, std::uint64_t&, bool) { return Errc::illegal_seek; }
Result<std::uint64_t> File::seek(std::int64_t, int) { return Errc::illegal_seek; }
Result<std::uint64_t> File::ioctl(std::uint32_t, std::uint64_t) { return Errc::not_terminal; }
std::uint32_t File::poll(PollWatcher*) { return poll_in | poll_out | poll_rdnorm | poll_wrnorm; }
Result<RefPtr<mm::VmObject>> File::mappable(bool, bool) { return Errc::wrong_device; }
Result<void> File::sync(bool) { return Errc::invalid; }
Result<void> File::read_directory(DirectorySink&) { return Errc::not_directory; }
Result<void> File::truncate(std::uint64_t) { return Errc::invalid; }
Result<void> File::allocate(int, std::uint64_t, std::uint64_t) { return Errc::wrong_device; }

Result<void> File::set_flags(std::uint32_t flags) {
    constexpr std::uint32_t settable = open_append | open_nonblock | open_direct | open_no_atime;
    flags_.store((this->flags() & ~settable) | (flags & settable), std::memory_order_relaxed);
    return {};
}

Result<void> File::mark_async(Result<void> set, bool on) {
    TRY(set);
    if (on)
        flags_.fetch_or(open_async, std::memory_order_relaxed);
    else
        flags_.fetch_and(~std::uint32_t{open_async}, std::memory_order_relaxed);
    return {};
}

Result<RefPtr<File>> open_path_file(Dentry& dentry, std::uint32_t flags) {
    RefPtr<File> file = TRY(make_ref<PathFile>(dentry, flags));
    return file;
}

Result<RefPtr<File>> open_directory_file(Dentry& dentry, std::uint32_t flags) {
    RefPtr<File> file = TRY(make_ref<DirectoryFile>(dentry, flags));
    return file;
}

} // namespace drupe::vfs
