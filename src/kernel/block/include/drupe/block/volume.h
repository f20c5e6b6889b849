// SPDX-License-Identifier: BSD-2-Clause
// A disk or a partition as a row of bytes: its page cache, and the ways around it. Data goes
// between the cache's frames, or the program's memory (O_DIRECT), and the device without a copy.
//
// A page that is not in the cache has its newest content on the device: it is taken out only when
// clean and unused (VmObject::evict), or by who claims its place. Who puts it in, or changes the
// device past the cache, has claimed it (Claims).
#pragma once

#include <drupe/block/claims.h>
#include <drupe/block/dirty_pages.h>
#include <drupe/block/disk.h>
#include <drupe/block/partitions.h>
#include <drupe/vfs/device_file.h>
#include <drupe/vfs/paged_file.h>

#include <algorithm>
#include <atomic>

namespace drupe::block {

inline constexpr unsigned sectors_per_page = page_size >> sector_shift;

class Volume;

/// The pages of a volume.
class VolumePages final : public vfs::FilePages {
public:
    explicit VolumePages(Volume& volume) : volume_(volume) {}
    Result<PhysAddr> page_to_read(std::uint64_t index) override { return get_page(index); }
    Result<void> write_back() override;

private:
    Result<PhysAddr> make_page(std::uint64_t index) override;
    Result<void> page_written(std::uint64_t index, PhysAddr frame) override;
    bool keeps_page(std::uint64_t index) const override;
    Volume& volume_;
};

class Volume : public vfs::DeviceFile {
public:
    /// Lives for ever. no_memory.
    static Result<Volume*> create(Disk& disk, std::uint64_t first, std::uint64_t sectors,
                                  unsigned minor, unsigned number);

    Disk& disk() { return disk_; }
    VolumePages& pages() { return *pages_; }
    std::uint64_t bytes() const { return sectors_ << sector_shift; }
    /// A disk, not a partition.
    bool is_whole() const { return minor % (most_partitions + 1) == 0; }
    /// On the disk.
    std::uint64_t sector_of_page(std::uint64_t index) const {
        return first_ + index * sectors_per_page;
    }
    /// How much of a page is on the volume: its end may lie inside.
    std::uint32_t bytes_of_page(std::uint64_t index) const {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(page_size, bytes() - (index << page_shift)));
    }

    Result<std::size_t> read(vfs::IoBuffer& buffer, std::uint64_t offset);
    /// no_space at and beyond the end.
    Result<std::size_t> write(vfs::IoBuffer& buffer, std::uint64_t offset);
    /// Past the cache, which agrees afterwards. invalid: not whole blocks.
    Result<std::size_t> read_direct(vfs::IoBuffer& buffer, std::uint64_t offset);
    Result<std::size_t> write_direct(vfs::IoBuffer& buffer, std::uint64_t offset);
    /// discard or write_zeroes of whole blocks. invalid.
    Result<void> clear(Operation operation, std::uint64_t offset, std::uint64_t bytes);

    /// What a descriptor knows of failed writes and flushes: those up to here were told. A new one
    /// hears of what nobody has been told of.
    std::uint32_t told_failures() const { return told_.load(std::memory_order_relaxed); }
    /// Writes what the cache has and the device has not, and has the device make it lasting. io:
    /// something has failed since `told`, which is brought up to date.
    Result<void> sync(std::atomic<std::uint32_t>& told);
    /// The same for who has no descriptor.
    Result<void> sync() { return sync(told_without_file_); }
    /// Writes what is dirty, or some of it; failures are told by the next sync().
    void write_back() { dirty_.write(0, mm::PageIndex::limit); }
    void write_some(std::uint64_t pages) { dirty_.write(0, mm::PageIndex::limit, pages); }
    Nanos dirty_since() { return dirty_.since(); }
    /// Takes up to `most` clean pages out that were not used lately; how many.
    std::size_t evict(std::size_t most);
    std::uint64_t cached_pages() const;

    Volume* next_tended = nullptr; // write_back.h

private:
    friend class VolumePages;
    class Direct;
    Volume(Disk& disk, std::uint64_t first, std::uint64_t sectors, RefPtr<VolumePages> pages)
        : disk_(disk), first_(first), sectors_(sectors), pages_(std::move(pages)), dirty_(*this) {}

    Result<PhysAddr> bring_in(std::uint64_t index, std::uint64_t pages);
    Result<PhysAddr> read_pages(std::uint64_t index, std::uint64_t pages);
    Result<std::size_t> write_page(vfs::IoBuffer& buffer, std::uint64_t index, std::size_t within,
                                   std::size_t bytes);
    Result<std::size_t> write_fresh_page(vfs::IoBuffer& buffer, std::uint64_t index);
    Result<void> copy_into_page(std::uint64_t index, std::size_t within, const void* from,
                                std::size_t bytes);
    void drop_cache(std::uint64_t first, std::uint64_t end);
    Result<std::size_t> move_direct(vfs::IoBuffer& buffer, std::uint64_t offset,
                                    Operation operation);

    Disk& disk_;
    const std::uint64_t first_, sectors_;
    const RefPtr<VolumePages> pages_;
    char path_[20];
    Claims claims_;
    DirtyPages dirty_;
    std::atomic<std::uint64_t> reads_on_at_{UINT64_MAX}; // the page behind what was read last
    std::atomic<std::uint64_t> hand_{0};                 // of the clock; any value does
    std::atomic<std::uint32_t> told_{0}, told_without_file_{0};
};

/// Opens a volume's file (DeviceFile::open).
Result<RefPtr<vfs::File>> open_volume(vfs::Dentry& dentry, std::uint32_t flags);

} // namespace drupe::block
