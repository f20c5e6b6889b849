// SPDX-License-Identifier: BSD-2-Clause
// The inodes of a file system in memory.
#pragma once

#include <drupe/base/list.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/inode.h>
#include <drupe/vfs/paged_file.h>

#include <atomic>
#include <string_view>

namespace drupe::ramfs {

class RamFs : public vfs::FileSystem {
public:
    explicit RamFs(std::string_view type) : type_(type) {}
    std::string_view type() const override { return type_; }
    /// As on Linux, whose tmpfs and devtmpfs are spared the faults that this takes.
    bool tells_mapped_writes() const override { return !type_.ends_with("tmpfs"); }
    vfs::FileSystemStats stats() override;
    bool keeps_entries() const override { return true; }
    Result<void> make_root(const vfs::NewNode& node);
    Result<RefPtr<vfs::Inode>> create_inode(const vfs::NewNode& node);

protected:
    void shut_down() override;

private:
    std::string_view type_;
    std::atomic<std::uint64_t> next_ino_{1};
};

class RamPages final : public vfs::FilePages {};

class RamFile final : public vfs::PagedInode {
public:
    RamFile(RamFs& fs, std::uint64_t ino, const vfs::NewNode& node, RefPtr<vfs::FilePages> pages)
        : PagedInode(fs, ino, node, std::move(pages)) {}
};

class RamDirectory final : public vfs::Inode {
public:
    RamDirectory(RamFs& fs, std::uint64_t ino, const vfs::NewNode& node) : Inode(fs, ino, node) {
        nlink_ = 2;
    }
    ~RamDirectory() override;
    vfs::Attributes attributes() override;
    Result<void> create_entry(vfs::Dentry& at, const vfs::NewNode& node) override;
    Result<void> link(vfs::Dentry& at, vfs::Inode& target) override;
    Result<void> unlink(vfs::Dentry& entry) override;
    Result<void> remove_directory(vfs::Dentry& entry) override;
    Result<void> rename(vfs::Dentry& entry, vfs::Inode& to_directory, const vfs::Name& name,
                        vfs::Dentry* replaced) override;
    Result<void> exchange(vfs::Dentry& a, vfs::Inode& directory_of_b, vfs::Dentry& b) override;
    Result<RefPtr<vfs::Inode>> create_unnamed(const vfs::NewNode& node) override;
    Result<void> iterate(vfs::Dentry& self, std::uint64_t cookie,
                         vfs::DirectorySink& sink) override;

    vfs::Dentry* first() { return children_.front(); }
    /// No name can be made in it any more.
    void die() { nlink_ = 0; }
    void adopt(vfs::Dentry& child);
    void forget(vfs::Dentry& child);

private:
    RamFs& ram_fs() { return static_cast<RamFs&>(fs()); }
    IntrusiveList<vfs::Dentry, &vfs::Dentry::sibling> children_;
    std::uint64_t next_position_ = 2; // behind "." and ".."
    std::uint64_t count_ = 0;
};

inline RamDirectory& as_directory(vfs::Inode& inode) { return static_cast<RamDirectory&>(inode); }

class RamSymlink final : public vfs::Inode {
public:
    static Result<RefPtr<vfs::Inode>> create(RamFs& fs, std::uint64_t ino,
                                             const vfs::NewNode& node);
    ~RamSymlink() override;
    std::uint64_t size() const override { return target_.size(); }
    Result<std::string_view> link_target(vfs::TaskContext&, std::span<char>) override {
        return target_;
    }

private:
    RamSymlink(RamFs& fs, std::uint64_t ino, const vfs::NewNode& node, std::string_view target)
        : Inode(fs, ino, node), target_(target) {}
    std::string_view target_; // owned, ends with a NUL
};

/// FIFOs, devices, sockets: attributes only.
class RamSpecial final : public vfs::Inode {
public:
    RamSpecial(RamFs& fs, std::uint64_t ino, const vfs::NewNode& node) : Inode(fs, ino, node) {}
};

} // namespace drupe::ramfs
