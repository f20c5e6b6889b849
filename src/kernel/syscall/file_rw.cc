// SPDX-License-Identifier: BSD-2-Clause
// read, write and their relatives.
#include "file_call.h"

#include <drupe/vfs/notify.h>

namespace drupe::syscall {

namespace {

/// Why a file that is not open for this cannot be read or written: Linux asks first whether it has
/// offsets at all.
[[gnu::cold, gnu::noinline]] Errc refuse(int fd, bool has_offset) {
    vfs::FileRef file = file_at(fd);
    if (!file || file->is_path_only() || !has_offset) return Errc::bad_descriptor;
    const Result<std::uint64_t> at = file->seek(0, vfs::seek_current);
    return !at.ok() && at.error() == Errc::illegal_seek ? Errc::illegal_seek : Errc::bad_descriptor;
}

[[gnu::cold, gnu::noinline]] void tell_moved(const vfs::File& file, Result<std::size_t> moved,
                                             std::uint32_t event) {
    if (moved.ok() && moved.value() != 0) vfs::notify(file, event);
}

enum class Where : bool { at_position, at_offset };

// Inlined into each call, with what differs known: these are the shortest ways through the kernel
// that programs take most often.
template <Where where>
[[gnu::always_inline]] inline Result<Word> read_file(int fd, vfs::IoBuffer& buffer,
                                                     std::int64_t offset) {
    constexpr bool has_offset = where == Where::at_offset;
    if (has_offset && offset < 0) [[unlikely]]
        return Errc::invalid;
    vfs::FileRef file = file_at(fd);
    if (!file || !file->is_readable()) [[unlikely]]
        return refuse(fd, has_offset);
    if (buffer.size() > most_moved) [[unlikely]] {
        if (static_cast<std::int64_t>(buffer.size()) < 0) return Errc::invalid;
        buffer.limit(most_moved);
    }
    const Result<std::size_t> moved =
        has_offset ? file->read_at(buffer, static_cast<std::uint64_t>(offset)) : file->read(buffer);
    if (file->inode().is_watched()) [[unlikely]]
        tell_moved(*file, moved, vfs::notify_access);
    return moved;
}

template <Where where>
[[gnu::always_inline]] inline Result<Word> write_file(int fd, vfs::IoBuffer& buffer,
                                                      std::int64_t offset) {
    constexpr bool has_offset = where == Where::at_offset;
    if (has_offset && offset < 0) [[unlikely]]
        return Errc::invalid;
    vfs::FileRef file = file_at(fd);
    if (!file || !file->is_writable()) [[unlikely]]
        return refuse(fd, has_offset);
    if (buffer.size() > most_moved) [[unlikely]] {
        if (static_cast<std::int64_t>(buffer.size()) < 0) return Errc::invalid;
        buffer.limit(most_moved);
    }
    std::uint64_t at = has_offset ? static_cast<std::uint64_t>(offset) : file->position();
    TRY(apply_file_limit(*file, buffer, at));
    // pwrite to a file in append mode appends, whatever the offset says (pwrite(2), BUGS).
    const Result<std::size_t> moved =
        has_offset ? file->write_at(buffer, at, file->is_append()) : file->write(buffer);
    if (file->inode().is_watched()) [[unlikely]]
        tell_moved(*file, moved, vfs::notify_modify);
    if (!moved.ok()) [[unlikely]]
        return raise_for(moved.error());
    return moved;
}

} // namespace

Result<Word> read(int fd, VirtAddr at, Word bytes) {
    vfs::IoBuffer buffer = vfs::IoBuffer::user(at, bytes);
    return read_file<Where::at_position>(fd, buffer, 0);
}

Result<Word> write(int fd, VirtAddr at, Word bytes) {
    vfs::IoBuffer buffer = vfs::IoBuffer::user(at, bytes);
    return write_file<Where::at_position>(fd, buffer, 0);
}

Result<Word> pread64(int fd, VirtAddr at, Word bytes, std::int64_t offset) {
    vfs::IoBuffer buffer = vfs::IoBuffer::user(at, bytes);
    return read_file<Where::at_offset>(fd, buffer, offset);
}

Result<Word> pwrite64(int fd, VirtAddr at, Word bytes, std::int64_t offset) {
    vfs::IoBuffer buffer = vfs::IoBuffer::user(at, bytes);
    return write_file<Where::at_offset>(fd, buffer, offset);
}

namespace {

Result<Word> read_vectors(int fd, VirtAddr at, int count, const std::int64_t* offset) {
    if (!file_at(fd)) return Errc::bad_descriptor;
    Vectors vectors;
    TRY(vectors.read(at, count));
    vfs::IoBuffer buffer = vectors.buffer();
    return offset ? read_file<Where::at_offset>(fd, buffer, *offset)
                  : read_file<Where::at_position>(fd, buffer, 0);
}

Result<Word> write_vectors(int fd, VirtAddr at, int count, const std::int64_t* offset) {
    if (!file_at(fd)) return Errc::bad_descriptor;
    Vectors vectors;
    TRY(vectors.read(at, count));
    vfs::IoBuffer buffer = vectors.buffer();
    return offset ? write_file<Where::at_offset>(fd, buffer, *offset)
                  : write_file<Where::at_position>(fd, buffer, 0);
}

/// RWF_*: only hints and what is so here anyway (nothing is written later than at once).
enum : int { rwf_hipri = 1, rwf_dsync = 2, rwf_sync = 4 };
constexpr int rwf_known = rwf_hipri | rwf_dsync | rwf_sync;

} // namespace

Result<Word> readv(int fd, VirtAddr vectors, int count) {
    return read_vectors(fd, vectors, count, nullptr);
}

Result<Word> writev(int fd, VirtAddr vectors, int count) {
    return write_vectors(fd, vectors, count, nullptr);
}

Result<Word> preadv(int fd, VirtAddr vectors, int count, std::int64_t offset, std::int64_t) {
    return read_vectors(fd, vectors, count, &offset);
}

Result<Word> pwritev(int fd, VirtAddr vectors, int count, std::int64_t offset, std::int64_t) {
    return write_vectors(fd, vectors, count, &offset);
}

Result<Word> preadv2(int fd, VirtAddr vectors, int count, std::int64_t offset, std::int64_t,
                     int flags) {
    if (flags & ~rwf_known) return Errc::not_supported;
    return read_vectors(fd, vectors, count, offset == -1 ? nullptr : &offset);
}

Result<Word> pwritev2(int fd, VirtAddr vectors, int count, std::int64_t offset, std::int64_t,
                      int flags) {
    if (flags & ~rwf_known) return Errc::not_supported;
    return write_vectors(fd, vectors, count, offset == -1 ? nullptr : &offset);
}

Result<Word> lseek(int fd, std::int64_t offset, int whence) {
    vfs::FileRef file = file_at(fd);
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    if (whence < vfs::seek_set || whence > vfs::seek_hole) return Errc::invalid;
    return file->seek(offset, whence);
}

} // namespace drupe::syscall
