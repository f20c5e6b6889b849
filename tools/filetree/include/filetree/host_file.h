// SPDX-License-Identifier: BSD-2-Clause
// Files of the build machine, read so that nothing about them surprises: paths of any length, files
// that are no files any more, files that shrink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace drupe::filetree {

/// A name for a host path that system calls take: one longer than they admit goes through a folder
/// on the way, held open. Throws Error when that folder cannot be opened.
class HostPath {
public:
    explicit HostPath(const std::string& path);
    HostPath(const HostPath&) = delete;
    ~HostPath();
    const char* c_str() const { return folder_ < 0 ? path_.c_str() : short_.c_str(); }

private:
    const std::string& path_;
    std::string short_;
    int folder_ = -1;
};

/// A regular file, open for reading. Every error is thrown as an Error that names the file.
class HostFile {
public:
    explicit HostFile(const std::string& path);
    HostFile(const HostFile&) = delete;
    ~HostFile();

    int fd() const { return fd_; }
    std::uint64_t size() const { return size_; } // bytes, when it was opened
    /// Fills `out` from byte `at` on. Thread-safe.
    void read(std::uint64_t at, std::span<std::byte> out) const;
    /// Where data begins at or after byte `at`, as far as the file system knows; UINT64_MAX when
    /// there is none.
    std::uint64_t next_data(std::uint64_t at) const;

private:
    const std::string& path_;
    int fd_ = -1;
    std::uint64_t size_ = 0;
};

/// All that can be read of a file, a pipe or another stream. Throws Error, also beyond `limit`
/// bytes.
std::string read_stream(const std::string& path, std::size_t limit);

} // namespace drupe::filetree
