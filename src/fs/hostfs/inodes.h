// SPDX-License-Identifier: BSD-2-Clause
// The inodes of a file system that a host serves. Names are looked up anew each time and objects
// are kept only while somebody uses them; an object in use has one inode, whatever its names.
//
// Coherence with the host: reading, writing, names and attributes go to the server each time.
// What was read by a path walk may be used for one millisecond more. Pages exist for mappings only
// (pages.cc).
#pragma once

#include "server.h"

#include <drupe/base/made_once.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/inode.h>

#include <atomic>

namespace drupe::hostfs {

class HostFs;

class HostInode : public vfs::Inode {
public:
    HostInode(HostFs& fs, const Found& found);
    ~HostInode() override;

    HostFs& host() const;
    /// What tells it from all others in use.
    std::uint64_t key() const { return key_; }
    Server& server() const;
    /// The latest node that leads here.
    RefPtr<Node> node();
    /// What was just said about it, under the name that leads here now.
    void refresh(const Found& found);
    /// Asks the server, unless it said so just now. An object that it does not find any more stays
    /// as it was.
    Result<void> update();
    /// The name that led here is gone, and the server finds objects by their names.
    bool is_out_of_reach() const;
    void lose_name() { has_lost_name_.store(true, std::memory_order_relaxed); }
    void forget_facts() { fresh_until_.store(0, std::memory_order_relaxed); }

    vfs::Attributes attributes() override;
    Result<void> change(const vfs::AttributeChange& change) override;
    std::uint64_t size() const override { return size_.load(std::memory_order_relaxed); }
    Result<std::size_t> get_xattr(std::string_view name, std::span<std::byte> into) override;
    Result<void> set_xattr(std::string_view name, std::span<const std::byte> value,
                           std::uint32_t flags) override;
    Result<void> remove_xattr(std::string_view name) override;

    HostInode* next_in_table = nullptr; // the table's

private:
    const RefPtr<vfs::FileSystem> keeps_; // the table must be there when this goes
    const std::uint64_t key_;

protected:
    void take(const Facts& facts);
    std::atomic<std::uint64_t> size_{0}, blocks_{0};
    std::atomic<std::uint32_t> block_size_{page_size};

private:
    SpinLock<LockRank::inode> node_lock_;
    RefPtr<Node> node_ GUARDED_BY(node_lock_);
    std::atomic<std::int64_t> fresh_until_{0}; // monotonic; one use
    std::atomic<bool> has_lost_name_{false};
};

/// Symbolic links, FIFOs, sockets, devices.
class HostSpecial final : public HostInode {
public:
    using HostInode::HostInode;
    ~HostSpecial() override;
    Result<std::string_view> link_target(vfs::TaskContext&, std::span<char>) override;

private:
    struct LinkText {
        std::size_t length;
        char bytes[vfs::max_path - 1];
    };
    MadeOnce<LinkText> target_; // never changes once it is known
};

class HostDirectory final : public HostInode {
public:
    using HostInode::HostInode;
    Result<RefPtr<vfs::File>> open(vfs::Dentry& dentry, std::uint32_t flags) override;
    Result<RefPtr<vfs::Dentry>> lookup(vfs::Dentry& self, const vfs::Name& name) override;
    Result<void> create_entry(vfs::Dentry& at, const vfs::NewNode& node) override;
    Result<void> link(vfs::Dentry& at, Inode& target) override;
    Result<void> unlink(vfs::Dentry& entry) override;
    Result<void> remove_directory(vfs::Dentry& entry) override;
    Result<void> rename(vfs::Dentry& entry, Inode& to_directory, const vfs::Name& name,
                        vfs::Dentry* replaced) override;
    Result<void> exchange(vfs::Dentry& a, Inode& directory_of_b, vfs::Dentry& b) override;
};

class HostFs final : public vfs::FileSystem {
public:
    HostFs(std::string_view type, RefPtr<Server> server)
        : type_(type), server_(std::move(server)) {}
    std::string_view type() const override { return type_; }
    vfs::FileSystemStats stats() override;
    Result<void> sync() override;
    Result<void> make_root();
    Server& server() const { return *server_; }
    /// The inode of an object, made if nobody has it.
    Result<RefPtr<HostInode>> inode_of(const Found& found);
    void remove(HostInode& inode);
    std::uint64_t key_of(const Found& found) const {
        return server_->finds_by_name() ? found.facts.ino : found.node->id;
    }

private:
    RefPtr<HostInode> find(const Found& found);
    static constexpr std::size_t buckets = 64;
    const std::string_view type_;
    const RefPtr<Server> server_;
    RefPtr<Node> root_node_;
    SpinLock<LockRank::inode> table_lock_;
    HostInode* table_[buckets] GUARDED_BY(table_lock_) = {};
};

} // namespace drupe::hostfs
