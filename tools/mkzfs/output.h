// SPDX-License-Identifier: BSD-2-Clause
// The image file while it is written: it has a temporary name until finish(), and goes away on
// every other way out, signals included. Offsets count from the start of the pool's region, which
// is the file or a partition of it.
#pragma once

#include <drupe/zfs/object.h>

#include <optional>
#include <string>

namespace drupe::mkzfs {

/// Which file it is, whatever its name.
struct FileIdentity {
    std::uint64_t device, inode, size;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
std::optional<FileIdentity> identify(const std::string& path);

class Output final : public zfs::BlockSource {
public:
    /// What is at `path` now. Throws Error when it is no regular file.
    static std::optional<FileIdentity> check_target(const std::string& path);
    /// Throws Error when the file cannot be made.
    explicit Output(const std::string& path);
    Output(const Output&) = delete;
    ~Output();

    /// Thread-safe. Throws Error, for a full disk too.
    void write(std::uint64_t offset, zfs::Bytes bytes);
    /// Writes outside the pool's region, at a byte of the file.
    void write_file(std::uint64_t offset, zfs::Bytes bytes);
    /// Everything from here on counts from byte `offset` of the file.
    void set_region(std::uint64_t offset) { region_ = offset; }
    void set_sizes(std::uint64_t region_size, std::uint64_t file_size);
    /// Gives the file its name.
    void finish();

    Result<void> read(std::uint64_t offset, zfs::MutableBytes out) override;
    std::uint64_t size() const override { return size_; }

private:
    std::string path_;
    int fd_ = -1;
    std::uint64_t region_ = 0, size_ = 0;
};

/// An existing image, or the partition of it that holds a pool.
class Input final : public zfs::BlockSource {
public:
    /// Opens `path`; where it carries a GPT with a ZFS partition, that is the region.
    explicit Input(const std::string& path);
    Input(const Input&) = delete;
    ~Input();

    Result<void> read(std::uint64_t offset, zfs::MutableBytes out) override;
    std::uint64_t size() const override { return size_; }
    std::uint64_t region() const { return region_; }

private:
    int fd_ = -1;
    std::uint64_t region_ = 0, size_ = 0;
};

} // namespace drupe::mkzfs
