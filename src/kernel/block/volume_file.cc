// SPDX-License-Identifier: BSD-2-Clause
// Block devices as files, and the files of a new disk.
#include <drupe/block/partitions.h>
#include <drupe/block/volume.h>
#include <drupe/block/write_back.h>

#include <drupe/arch/user_access.h>
#include <drupe/base/format.h>
#include <drupe/base/scope_exit.h>
#include <drupe/mm/frames.h>
#include <drupe/trace/log.h>

#include <algorithm>
#include <cstring>

namespace drupe::block {
namespace {

// [linux] uapi/linux/fs.h
enum Request : std::uint32_t {
    blk_is_read_only = 0x125e,
    blk_get_sectors = 0x1260,
    blk_flush = 0x1261,
    blk_sector_size = 0x1268,
    blk_discard = 0x1277,
    blk_io_min = 0x1278,
    blk_io_best = 0x1279,
    blk_physical_size = 0x127b,
    blk_zero_out = 0x127f,
    blk_block_size = 0x8008'1270,
    blk_get_bytes = 0x8008'1272,
};

class VolumeFile final : public vfs::File {
public:
    VolumeFile(Volume& volume, vfs::Dentry& dentry, std::uint32_t flags)
        : File(dentry, flags), volume_(volume), told_(volume.told_failures()) {}

    Result<std::size_t> read_at(vfs::IoBuffer& buffer, std::uint64_t offset) override {
        return is_direct() ? volume_.read_direct(buffer, offset) : volume_.read(buffer, offset);
    }
    Result<std::size_t> write_at(vfs::IoBuffer& buffer, std::uint64_t& offset, bool) override {
        const std::size_t moved =
            TRY(is_direct() ? volume_.write_direct(buffer, offset) : volume_.write(buffer, offset));
        if ((flags() & (vfs::open_sync | vfs::open_data_sync)) != 0) TRY(volume_.sync(told_));
        return moved;
    }
    Result<std::uint64_t> seek(std::int64_t offset, int whence) override {
        sched::MutexGuard guard(position_mutex_);
        std::int64_t to = 0;
        const std::uint64_t base = whence == vfs::seek_set       ? 0
                                   : whence == vfs::seek_current ? position_
                                                                 : volume_.bytes();
        if (whence > vfs::seek_end || whence < 0 ||
            __builtin_add_overflow(static_cast<std::int64_t>(base), offset, &to) || to < 0)
            return Errc::invalid;
        return position_ = static_cast<std::uint64_t>(to);
    }
    Result<RefPtr<mm::VmObject>> mappable(bool shared, bool writable) override {
        if (!is_readable() || (shared && writable && !is_writable())) return Errc::access;
        return RefPtr<mm::VmObject>(&volume_.pages());
    }
    bool tells_mapped_writes() const override { return true; }
    Result<void> sync(bool) override { return volume_.sync(told_); }
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument) override;

private:
    bool is_direct() const { return (flags() & vfs::open_direct) != 0; }
    Result<std::uint64_t> clear(Operation operation, std::uint64_t argument);
    Volume& volume_;
    std::atomic<std::uint32_t> told_; // failures
};

template <class T>
Result<std::uint64_t> answer(std::uint64_t argument, std::uint64_t value) {
    TRY(arch::put_user(VirtAddr{argument}, static_cast<T>(value)));
    return std::uint64_t{0};
}

Result<std::uint64_t> VolumeFile::ioctl(std::uint32_t request, std::uint64_t argument) {
    const Limits& limits = volume_.disk().limits();
    switch (request) {
    case blk_is_read_only: return answer<std::int32_t>(argument, limits.is_read_only);
    case blk_get_sectors: return answer<std::uint64_t>(argument, volume_.bytes() >> sector_shift);
    case blk_get_bytes: return answer<std::uint64_t>(argument, volume_.bytes());
    case blk_sector_size: return answer<std::int32_t>(argument, limits.block_bytes);
    case blk_physical_size:
    case blk_io_min: return answer<std::uint32_t>(argument, limits.physical_bytes);
    case blk_io_best: return answer<std::uint32_t>(argument, limits.best_bytes);
    case blk_block_size: return answer<std::int32_t>(argument, page_size);
    case blk_flush: TRY(volume_.sync(told_)); return std::uint64_t{0};
    case blk_discard: return clear(Operation::discard, argument);
    case blk_zero_out: return clear(Operation::write_zeroes, argument);
    default: return Errc::not_terminal;
    }
}

Result<std::uint64_t> VolumeFile::clear(Operation operation, std::uint64_t argument) {
    if (!is_writable()) return Errc::bad_descriptor;
    const auto offset = TRY(arch::get_user<std::uint64_t>(VirtAddr{argument}));
    const auto bytes = TRY(arch::get_user<std::uint64_t>(VirtAddr{argument + 8}));
    TRY(volume_.clear(operation, offset, bytes));
    return std::uint64_t{0};
}

class DiskReader final : public TableReader {
public:
    DiskReader(Disk& disk, PhysAddr page) : disk_(disk), page_(page) {}
    Result<const std::byte*> read(std::uint64_t sector) override {
        auto* const bytes = static_cast<std::byte*>(mm::phys_to_virt(page_));
        const std::uint64_t left = (disk_.limits().sectors - sector) << sector_shift;
        const Segment segment{page_,
                              static_cast<std::uint32_t>(std::min<std::uint64_t>(left, page_size))};
        std::memset(bytes + segment.bytes, 0, page_size - segment.bytes);
        TRY(disk_.read(sector, {&segment, 1}));
        return static_cast<const std::byte*>(bytes);
    }

private:
    Disk& disk_;
    PhysAddr page_;
};

Result<void> add_volume(Disk& disk, unsigned disk_number, const Partition& part) {
    Volume* volume =
        TRY(Volume::create(disk, part.first, part.sectors,
                           disk_number * (most_partitions + 1) + part.number, part.number));
    tend(*volume);
    vfs::register_device_file(*volume);
    return {};
}

} // namespace

Result<RefPtr<vfs::File>> open_volume(vfs::Dentry& dentry, std::uint32_t flags) {
    auto& volume =
        static_cast<Volume&>(*vfs::find_device_file(vfs::mode_block, dentry.inode()->rdev()));
    RefPtr<vfs::File> file = TRY(make_ref<VolumeFile>(volume, dentry, flags));
    return file;
}

Result<void> add_disk(BlockDevice& device, std::string_view prefix) {
    static constinit unsigned known = 0, lettered = 0; // one thread adds disks
    char text[8];
    std::string_view name = device.name();
    if (name.empty()) {
        if (lettered == 26) return Errc::table_full;
        const char letter[] = {static_cast<char>('a' + lettered++), '\0'};
        name = format_into(text, "{}{}", prefix, letter);
    }
    if (known == 0) TRY(start_tending());
    const unsigned number = known++;
    Disk& disk = *TRY(make_own<Disk>(device, name)).leak();
    TRY(add_volume(disk, number, {0, disk.limits().sectors, 0}));
    const PhysAddr page = TRY(mm::alloc_frames());
    ScopeExit free{[&] { mm::free_frames(page); }};
    Partition parts[most_partitions];
    DiskReader reader(disk, page);
    const auto count =
        read_partitions(reader, disk.limits().sectors, disk.limits().block_bytes, parts);
    if (!count) return {}; // said already; the disk itself is there
    for (const Partition& part : std::span(parts, count.value()))
        TRY(add_volume(disk, number, part));
    return {};
}

} // namespace drupe::block
