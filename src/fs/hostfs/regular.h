// SPDX-License-Identifier: BSD-2-Clause
// Regular files of a host, and what mappings of them see.
#pragma once

#include "inodes.h"

#include <drupe/sched/mutex.h>
#include <drupe/vfs/paged_file.h>

namespace drupe::hostfs {

class HostRegular;

/// What mappings of a file see.
class HostPages final : public vfs::FilePages {
public:
    explicit HostPages(HostRegular& file) : file_(file) {}
    Result<void> write_back() override;

private:
    Result<void> fill_page(std::uint64_t index, void* page) override;
    HostRegular& file_; // whoever maps the pages has the file open
};

/// What pages held when they were last the same as at the server, as sums: what differs from its
/// own has been changed through a mapping.
class PageSums {
public:
    ~PageSums() { forget(0); }
    /// Before anybody can change the page. Without memory for it the page counts as changed.
    void note(std::uint64_t index, PhysAddr frame) { set(index, sum_of(frame)); }
    void set(std::uint64_t index, PhysAddr sum);
    bool has(std::uint64_t index, PhysAddr sum);
    void forget(std::uint64_t first);
    /// Never 0.
    static PhysAddr sum_of(PhysAddr frame);

private:
    SpinLock<LockRank::inode> lock_;
    mm::PageIndex sums_ GUARDED_BY(lock_); // sums in place of frames
};

class HostRegular final : public HostInode {
public:
    static Result<RefPtr<vfs::Inode>> create(HostFs& fs, const Found& found);
    HostRegular(HostFs& fs, const Found& found, RefPtr<HostPages> pages)
        : HostInode(fs, found), pages_(std::move(pages)) {}

    Result<RefPtr<vfs::File>> open(vfs::Dentry& dentry, std::uint32_t flags) override;
    Result<void> truncate(std::uint64_t size) override;
    /// What creating it opened, for whoever opens it next.
    void keep_handle(RefPtr<Handle> handle);

    Result<std::size_t> read(Handle& handle, vfs::IoBuffer& buffer, std::uint64_t offset);
    Result<std::size_t> write(Handle& handle, vfs::IoBuffer& buffer, std::uint64_t& offset,
                              bool append);
    Result<void> sync(Handle& handle, bool data_only);
    Result<void> allocate(Handle& handle, int mode, std::uint64_t offset, std::uint64_t length);

    /// The pages, agreeing with the server as of now. The handle serves them from here on.
    Result<RefPtr<mm::VmObject>> map(Handle& handle, bool is_writable);
    void add_writable_mapping() { writable_mappings_.fetch_add(1, std::memory_order_relaxed); }
    /// What the mapping changed goes to the server.
    void remove_writable_mapping();
    Result<void> write_back();
    Result<void> fill(std::uint64_t index, void* page);

private:
    bool has_writable_mapping() const {
        return writable_mappings_.load(std::memory_order_relaxed) != 0;
    }
    Result<void> write_back_locked() REQUIRES(mutex());
    Result<std::size_t> read_pages(vfs::IoBuffer& buffer, std::uint64_t offset);
    Result<void> hold_pages(std::uint64_t offset, std::size_t bytes) REQUIRES(mutex());
    void copy_to_pages(std::uint64_t offset, const std::byte* from, std::size_t bytes)
        REQUIRES(mutex());
    void set_size(std::uint64_t size);
    void cut_pages(std::uint64_t size) REQUIRES(mutex());

    const RefPtr<HostPages> pages_;
    PageSums sums_;
    std::atomic<std::uint32_t> writable_mappings_{0};
    SpinLock<LockRank::inode> handles_lock_;
    RefPtr<Handle> fresh_ GUARDED_BY(handles_lock_);
    RefPtr<Handle> for_pages_ GUARDED_BY(handles_lock_);
    bool is_mapped_ GUARDED_BY(mutex()) = false; // pages may be there
    std::uint64_t mapped_size_ GUARDED_BY(mutex()) = 0;
    vfs::Timestamp mapped_mtime_ GUARDED_BY(mutex());
};

/// A block of frames for data on its way between a program and the server.
class Bounce {
public:
    /// As much of `bytes` as fits into one block now. no_memory.
    static Result<Bounce> make(std::size_t bytes);
    Bounce(Bounce&& other) noexcept
        : at_(std::exchange(other.at_, PhysAddr{0})), order_(other.order_) {}
    ~Bounce();
    std::size_t size() const { return page_size << order_; }
    std::byte* bytes() const;
    share::Piece piece(std::size_t bytes) const { return {at_, static_cast<std::uint32_t>(bytes)}; }

private:
    Bounce(PhysAddr at, unsigned order) : at_(at), order_(order) {}
    PhysAddr at_;
    unsigned order_;
};

} // namespace drupe::hostfs
