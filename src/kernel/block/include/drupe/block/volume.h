// SPDX-License-Identifier: BSD-2-Clause
// A disk or a partition as a row of bytes: its page cache, and the ways around it. Data goes
// between the cache's frames and the device without a copy.
//
// Who puts pages into the cache, or reads and writes past it, holds lock_ shared; who drops pages
// holds it alone, so that no page read before can come in after. Page faults hold nothing: once the
// volume has been mapped, pages stay for ever.
#pragma once

#include <drupe/block/disk.h>
#include <drupe/block/partitions.h>
#include <drupe/sched/mutex.h>
#include <drupe/vfs/device_file.h>
#include <drupe/vfs/paged_file.h>

#include <atomic>

namespace drupe::block {

class Volume;

/// The pages of a volume.
class VolumePages final : public vfs::FilePages {
public:
    explicit VolumePages(Volume& volume) : volume_(volume) {}
    Result<PhysAddr> page_to_read(std::uint64_t index) override { return get_page(index); }
    Result<void> write_back() override;

private:
    Result<void> fill_page(std::uint64_t index, void* page) override;
    Volume& volume_;
};

class Volume : public vfs::DeviceFile {
public:
    /// Lives for ever. no_memory.
    static Result<Volume*> create(Disk& disk, std::uint64_t first, std::uint64_t sectors,
                                  unsigned minor, unsigned number);

    Disk& disk() { return disk_; }
    std::uint64_t bytes() const { return sectors_ << sector_shift; }
    std::uint64_t first_sector() const { return first_; }
    /// A disk, not a partition.
    bool is_whole() const { return minor % (most_partitions + 1) == 0; }

    Result<std::size_t> read(vfs::IoBuffer& buffer, std::uint64_t offset);
    /// no_space at and beyond the end.
    Result<std::size_t> write(vfs::IoBuffer& buffer, std::uint64_t offset);
    /// Past the cache, which agrees afterwards. invalid: not whole blocks.
    Result<std::size_t> read_direct(vfs::IoBuffer& buffer, std::uint64_t offset);
    Result<std::size_t> write_direct(vfs::IoBuffer& buffer, std::uint64_t offset);
    /// discard or write_zeroes of whole blocks. invalid.
    Result<void> clear(Operation operation, std::uint64_t offset, std::uint64_t bytes);

    /// The memory for mappings.
    RefPtr<mm::VmObject> map(bool is_writable);
    /// Writes what the cache has and the device has not. io: some of it is lost.
    Result<void> write_back();
    /// The same, and the device has made it lasting.
    Result<void> sync();

private:
    friend class VolumePages;
    Volume(Disk& disk, std::uint64_t first, std::uint64_t sectors, RefPtr<VolumePages> pages)
        : disk_(disk), first_(first), sectors_(sectors), pages_(std::move(pages)) {}

    Result<void> fill(std::uint64_t index, PhysAddr frame);
    void read_ahead(std::uint64_t index, std::uint64_t pages);
    Result<std::size_t> write_page(vfs::IoBuffer& buffer, std::uint64_t index, std::size_t within,
                                   std::size_t bytes);
    Result<void> mark_dirty(std::uint64_t index, PhysAddr frame);
    Result<void> write_some_dirty(bool& is_clean) REQUIRES(dirty_mutex_);
    Result<void> mark_mapped_pages() REQUIRES(dirty_mutex_);
    Result<void> make_room();
    Result<std::size_t> move_direct(vfs::IoBuffer& buffer, std::uint64_t offset,
                                    Operation operation);
    /// How much of a page is on the volume: its end may lie inside.
    std::uint32_t bytes_of_page(std::uint64_t index) const;
    static std::uint64_t most_pages();

    Disk& disk_;
    const std::uint64_t first_, sectors_;
    const RefPtr<VolumePages> pages_;
    char path_[20];
    std::atomic<bool> is_mapped_{false}, is_mapped_writable_{false};
    sched::RwLock lock_; // before dirty_mutex_
    sched::Mutex dirty_mutex_;
    mm::PageIndex dirty_ GUARDED_BY(dirty_mutex_); // with a reference to each frame
};

/// Opens a volume's file (DeviceFile::open).
Result<RefPtr<vfs::File>> open_volume(vfs::Dentry& dentry, std::uint32_t flags);

} // namespace drupe::block
