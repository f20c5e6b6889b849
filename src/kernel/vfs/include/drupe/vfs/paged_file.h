// SPDX-License-Identifier: BSD-2-Clause
// Regular files whose bytes live in a memory object: reading, writing and mapping see the same
// pages. For file systems in memory the pages are the storage; others fill them from a medium.
#pragma once

#include <drupe/mm/vm_object.h>
#include <drupe/vfs/file.h>
#include <drupe/vfs/inode.h>

#include <atomic>
#include <cstdint>

namespace drupe::vfs {

/// The pages of one file. `size` is what readers see; pages exist up to `limit`, which runs ahead
/// of the size while a write grows the file.
class FilePages : public mm::VmObject {
public:
    std::atomic<std::uint64_t> size{0};
    std::atomic<std::uint64_t> limit{0}; // bytes

    /// The page for reading, with a reference; PhysAddr{0} for a hole. Default: only pages that
    /// are present, the rest reads as zeros. io, no_memory.
    virtual Result<PhysAddr> page_to_read(std::uint64_t index) { return get_present_page(index); }

protected:
    std::uint64_t page_limit() const override {
        // Relaxed: what counts is the look with the pages locked, which truncation takes, too.
        const std::uint64_t bytes = limit.load(std::memory_order_relaxed);
        return (bytes >> page_shift) + ((bytes & page_mask) != 0);
    }
};

/// memfd's seals ([linux] F_SEAL_*).
enum Seal : std::uint32_t {
    seal_seal = 1,
    seal_shrink = 2,
    seal_grow = 4,
    seal_write = 8,
    seal_future_write = 16,
};

class PagedInode : public Inode {
public:
    FilePages& pages() { return *pages_; }
    std::uint64_t size() const override { return pages_->size.load(std::memory_order_acquire); }
    PagedInode* as_paged() override { return this; }
    Attributes attributes() override;
    Result<RefPtr<File>> open(Dentry& dentry, std::uint32_t flags) override;
    /// Grows with a hole or cuts. file_too_large, not_permitted (sealed).
    Result<void> truncate(std::uint64_t size) override;

    Result<std::size_t> read_at(IoBuffer& buffer, std::uint64_t offset);
    Result<std::size_t> write_at(IoBuffer& buffer, std::uint64_t& offset, bool append);
    /// fallocate(2); not_supported for modes that shift data.
    Result<void> allocate(int mode, std::uint64_t offset, std::uint64_t length);
    /// lseek's SEEK_DATA and SEEK_HOLE; no_device at or beyond the end.
    Result<std::uint64_t> seek_data(std::uint64_t from);
    Result<std::uint64_t> seek_hole(std::uint64_t from);

    /// Files that can be sealed answer their seals, others invalid.
    Result<std::uint32_t> seals() const;
    Result<void> add_seals(std::uint32_t seals);
    void allow_seals(std::uint32_t initial) { seals_ = initial | seals_known; }
    /// Shared writable mappings keep seal_write from being added.
    std::atomic<std::uint32_t> writable_mappings{0};

protected:
    PagedInode(FileSystem& fs, std::uint64_t ino, const NewNode& node, RefPtr<FilePages> pages)
        : Inode(fs, ino, node), pages_(std::move(pages)) {}

private:
    Result<std::size_t> read_pages(IoBuffer& buffer, std::uint64_t offset, std::size_t left);
    Result<void> resize_locked(std::uint64_t size);
    Result<void> zero_part(std::uint64_t from, std::uint64_t to);
    bool is_sealed(std::uint32_t seal) const { return (seals_ & seal) != 0; }
    static constexpr std::uint32_t seals_known = 1u << 31;

    RefPtr<FilePages> pages_;
    std::uint32_t seals_ = 0;
};

} // namespace drupe::vfs
