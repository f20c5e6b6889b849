// SPDX-License-Identifier: BSD-2-Clause
// read, write and their relatives.
#include "file_call.h"

namespace drupe::syscall {

Result<Word> read(int fd, VirtAddr buffer, Word bytes) {
    return read_file(fd, vfs::IoBuffer::user(buffer, bytes), nullptr);
}

Result<Word> write(int fd, VirtAddr buffer, Word bytes) {
    return write_file(fd, vfs::IoBuffer::user(buffer, bytes), nullptr);
}

Result<Word> pread64(int fd, VirtAddr buffer, Word bytes, std::int64_t offset) {
    return read_file(fd, vfs::IoBuffer::user(buffer, bytes), &offset);
}

Result<Word> pwrite64(int fd, VirtAddr buffer, Word bytes, std::int64_t offset) {
    return write_file(fd, vfs::IoBuffer::user(buffer, bytes), &offset);
}

namespace {

Result<Word> read_vectors(int fd, VirtAddr at, int count, const std::int64_t* offset) {
    if (!file_at(fd)) return Errc::bad_descriptor;
    Vectors vectors;
    TRY(vectors.read(at, count));
    return read_file(fd, vectors.buffer(), offset);
}

Result<Word> write_vectors(int fd, VirtAddr at, int count, const std::int64_t* offset) {
    if (!file_at(fd)) return Errc::bad_descriptor;
    Vectors vectors;
    TRY(vectors.read(at, count));
    return write_file(fd, vectors.buffer(), offset);
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
