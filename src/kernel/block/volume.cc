// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/block/volume.h>

#include <drupe/base/format.h>
#include <drupe/base/scope_exit.h>
#include <drupe/mm/frames.h>

#include <algorithm>
#include <cstring>

namespace drupe::block {
namespace {

constexpr unsigned sectors_per_page = page_size >> sector_shift;
constexpr std::size_t batch_pages = 32; // of one request; 128 KiB

char* bytes_at(PhysAddr frame) { return static_cast<char*>(mm::phys_to_virt(frame)); }

} // namespace

Result<Volume*> Volume::create(Disk& disk, std::uint64_t first, std::uint64_t sectors,
                               unsigned minor, unsigned number) {
    constexpr unsigned first_dynamic_major = 254; // where Linux puts virtio disks
    auto* const room = static_cast<Volume*>(::operator new(sizeof(Volume), std::nothrow));
    if (!room) return Errc::no_memory;
    ScopeExit undo{[&] { ::operator delete(room); }};
    auto pages = TRY(make_ref<VolumePages>(*room));
    pages->limit = pages->size = sectors << sector_shift;
    undo.dismiss();
    Volume* const made = new (room) Volume(disk, first, sectors, std::move(pages));
    const std::span<char> path(made->path_, sizeof made->path_ - 1);
    const char last = disk.name().back();
    const std::string_view between = last >= '0' && last <= '9' ? "p" : "";
    const std::string_view text = number ? format_into(path, "{}{}{}", disk.name(), between, number)
                                         : format_into(path, "{}", disk.name());
    made->path_[text.size()] = '\0';
    made->major = first_dynamic_major;
    made->minor = minor;
    made->name = made->path_;
    made->mode = 0660;
    made->kind = vfs::mode_block;
    made->open = open_volume;
    made->DeviceFile::sync = [](vfs::DeviceFile& device) {
        return static_cast<Volume&>(device).sync();
    };
    return made;
}

Result<void> VolumePages::fill_page(std::uint64_t index, void* page) {
    return volume_.fill(index, mm::virt_to_phys(page));
}
Result<void> VolumePages::write_back() { return volume_.write_back(); }

std::uint32_t Volume::bytes_of_page(std::uint64_t index) const {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(page_size, bytes() - (index << page_shift)));
}

/// The cache may have a quarter of memory.
std::uint64_t Volume::most_pages() { return mm::memory_total().n / 4; }

Result<void> Volume::fill(std::uint64_t index, PhysAddr frame) {
    const Segment segment{frame, bytes_of_page(index)};
    return disk_.read(first_ + index * sectors_per_page, {&segment, 1});
}

/// Brings in up to `pages` pages from `index` on that are not there yet, with one request. What
/// fails here is met again, and reported, when the page is wanted.
void Volume::read_ahead(std::uint64_t index, std::uint64_t pages) {
    Segment segments[batch_pages];
    std::size_t count = 0;
    const std::uint64_t end = PageCount::covering(bytes()).n;
    for (; count < std::min<std::uint64_t>({batch_pages, pages, end - index}); count++) {
        if (const PhysAddr there = pages_->get_present_page(index + count); raw(there) != 0) {
            mm::release_frame(there);
            break;
        }
        const auto frame = mm::alloc_frames();
        if (!frame) break;
        segments[count] = {frame.value(), bytes_of_page(index + count)};
        if (segments[count].bytes != page_size) std::memset(bytes_at(frame.value()), 0, page_size);
    }
    const bool is_read =
        count > 1 && disk_.read(first_ + index * sectors_per_page, {segments, count}).ok();
    for (std::size_t i = 0; i < count; i++) {
        if (is_read) static_cast<void>(pages_->adopt_page(index + i, segments[i].at));
        mm::release_frame(segments[i].at);
    }
}

Result<std::size_t> Volume::read(vfs::IoBuffer& buffer, std::uint64_t offset) {
    if (offset >= bytes()) return std::size_t{0};
    buffer.limit(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), bytes() - offset)));
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        TRY(make_room());
        sched::SharedGuard guard(lock_);
        const std::uint64_t index = offset >> page_shift;
        const std::size_t within = offset & page_mask;
        if (within + buffer.size() > page_size)
            read_ahead(index, PageCount::covering(within + buffer.size()).n);
        const auto frame = pages_->get_page(index);
        if (!frame.ok()) return moved ? Result<std::size_t>(moved) : frame.error();
        const std::size_t piece = std::min(buffer.size(), page_size - within);
        const auto put = buffer.put(bytes_at(frame.value()) + within, piece);
        mm::release_frame(frame.value());
        if (!put.ok()) return moved ? Result<std::size_t>(moved) : put.error();
        moved += put.value();
        offset += put.value();
        if (put.value() != piece) break;
    }
    return moved;
}

Result<std::size_t> Volume::write_page(vfs::IoBuffer& buffer, std::uint64_t index,
                                       std::size_t within, std::size_t bytes) {
    PhysAddr frame = pages_->get_present_page(index);
    PhysAddr fresh{0};
    ScopeExit release{[&] {
        for (const PhysAddr used : {frame, fresh})
            if (raw(used) != 0) mm::release_frame(used);
    }};
    // What is written whole need not be read before.
    if (raw(frame) == 0 && bytes == page_size) {
        fresh = TRY(mm::alloc_frames());
        const std::size_t taken = TRY(buffer.take(bytes_at(fresh), bytes));
        if (taken == bytes && pages_->adopt_page(index, fresh)) {
            TRY(mark_dirty(index, fresh));
            return taken;
        }
        // Less came than was said, or the page from elsewhere.
        frame = TRY(pages_->get_page(index));
        std::memcpy(bytes_at(frame), bytes_at(fresh), taken);
        mm::note_frame_written(frame);
        TRY(mark_dirty(index, frame));
        return taken;
    }
    if (raw(frame) == 0) frame = TRY(pages_->get_page(index));
    const auto taken = buffer.take(bytes_at(frame) + within, bytes);
    mm::note_frame_written(frame);
    TRY(mark_dirty(index, frame)); // also after a fault: some bytes may have come
    return taken;
}

Result<std::size_t> Volume::write(vfs::IoBuffer& buffer, std::uint64_t offset) {
    if (buffer.size() == 0) return std::size_t{0};
    if (offset >= bytes()) return Errc::no_space;
    if (disk_.limits().is_read_only) return Errc::not_permitted;
    buffer.limit(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), bytes() - offset)));
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        TRY(make_room());
        sched::SharedGuard guard(lock_);
        const std::uint64_t index = offset >> page_shift;
        const std::size_t within = offset & page_mask;
        const std::size_t piece = std::min(buffer.size(), page_size - within);
        const auto taken = write_page(buffer, index, within, piece);
        if (!taken.ok()) return moved ? Result<std::size_t>(moved) : taken.error();
        moved += taken.value();
        offset += taken.value();
        if (taken.value() != piece) break;
    }
    return moved;
}

Result<void> Volume::mark_dirty(std::uint64_t index, PhysAddr frame) {
    sched::MutexGuard guard(dirty_mutex_);
    if (raw(dirty_.find(index)) != 0) return {};
    TRY(dirty_.insert(index, frame));
    mm::retain_frame(frame);
    return {};
}

/// Writes a row of dirty pages. They are clean from before the request on: who writes to one
/// meanwhile marks it again.
Result<void> Volume::write_some_dirty(bool& is_clean) {
    Segment segments[batch_pages];
    const std::uint64_t first = dirty_.next(0);
    is_clean = first == mm::PageIndex::limit;
    if (is_clean) return {};
    std::size_t count = 0;
    for (; count < batch_pages; count++) {
        const PhysAddr frame = dirty_.find(first + count);
        if (raw(frame) == 0) break;
        mm::retain_frame(frame);
        segments[count] = {frame, bytes_of_page(first + count)};
    }
    dirty_.remove_range(first, first + count, mm::release_frame);
    const auto written = disk_.write(first_ + first * sectors_per_page, {segments, count});
    for (std::size_t i = 0; i < count; i++) mm::release_frame(segments[i].at);
    return written;
}

/// Nothing tells which pages a mapping has changed: all that are there count as changed.
Result<void> Volume::mark_mapped_pages() {
    for (std::uint64_t i = pages_->next_page(0); i < mm::PageIndex::limit;
         i = pages_->next_page(i + 1)) {
        const PhysAddr frame = pages_->get_present_page(i);
        if (raw(frame) == 0) continue;
        const bool is_in = raw(dirty_.find(i)) != 0;
        auto in = is_in ? Result<void>{} : dirty_.insert(i, frame);
        if (is_in || !in) mm::release_frame(frame); // else the set keeps the reference
        if (!in) return in;
    }
    return {};
}

Result<void> Volume::write_back() {
    sched::MutexGuard guard(dirty_mutex_);
    if (is_mapped_writable_.load(std::memory_order_relaxed)) TRY(mark_mapped_pages());
    Result<void> outcome;
    for (bool is_clean = false; !is_clean;)
        if (auto written = write_some_dirty(is_clean); !written) outcome = written.error();
    return outcome;
}

Result<void> Volume::sync() {
    const auto written = write_back();
    const auto flushed = disk_.flush();
    return written ? flushed : written.error();
}

/// Drops the cache when it is full. io: what it held could not be written.
Result<void> Volume::make_room() {
    if (pages_->page_count() < most_pages() || is_mapped_.load(std::memory_order_relaxed))
        return {};
    sched::ExclusiveGuard guard(lock_);
    if (is_mapped_.load(std::memory_order_relaxed)) return {};
    const auto written = write_back();
    pages_->discard(0, mm::PageIndex::limit);
    return written;
}

Result<std::size_t> Volume::read_direct(vfs::IoBuffer& buffer, std::uint64_t offset) {
    if (offset >= bytes()) return std::size_t{0};
    TRY(write_back());
    sched::SharedGuard guard(lock_);
    return move_direct(buffer, offset, Operation::read);
}

Result<std::size_t> Volume::write_direct(vfs::IoBuffer& buffer, std::uint64_t offset) {
    if (buffer.size() != 0 && offset >= bytes()) return Errc::no_space;
    if (disk_.limits().is_read_only) return Errc::not_permitted;
    // Nothing cached: many may write at once. Else the cache must lose what becomes old.
    if (pages_->page_count() == 0) {
        sched::SharedGuard guard(lock_);
        return move_direct(buffer, offset, Operation::write);
    }
    sched::ExclusiveGuard guard(lock_);
    TRY(write_back());
    const auto moved = move_direct(buffer, offset, Operation::write);
    if (moved.ok())
        pages_->discard(offset >> page_shift, PageCount::covering(offset + moved.value()).n);
    return moved;
}

Result<std::size_t> Volume::move_direct(vfs::IoBuffer& buffer, std::uint64_t offset,
                                        Operation operation) {
    const std::uint32_t block = disk_.limits().block_bytes;
    if (offset % block != 0 || buffer.size() % block != 0) return Errc::invalid;
    buffer.limit(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), bytes() - offset)));
    const std::uint32_t most = disk_.limits().segment_bytes;
    constexpr unsigned order = 3; // as much at a time as the program's memory is gone through
    const PhysAddr bounce = TRY(mm::alloc_frames(order));
    ScopeExit free{[&] { mm::free_frames(bounce, order); }};
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        const std::size_t piece = std::min({buffer.size(), page_size << order, std::size_t{most}});
        const Segment segment{bounce, static_cast<std::uint32_t>(piece)};
        const std::uint64_t sector = first_ + ((offset + moved) >> sector_shift);
        Result<void> outcome;
        if (operation == Operation::write) {
            const auto taken = buffer.take(bytes_at(bounce), piece);
            if (!taken.ok() || taken.value() != piece)
                outcome = Errc::fault;
            else
                outcome = disk_.write(sector, {&segment, 1});
        } else if (outcome = disk_.read(sector, {&segment, 1}); outcome) {
            const auto put = buffer.put(bytes_at(bounce), piece);
            if (!put.ok() || put.value() != piece) outcome = Errc::fault;
        }
        if (!outcome) return moved ? Result<std::size_t>(moved) : outcome.error();
        moved += piece;
    }
    return moved;
}

Result<void> Volume::clear(Operation operation, std::uint64_t offset, std::uint64_t count) {
    const std::uint32_t block = disk_.limits().block_bytes;
    if (offset % block != 0 || count % block != 0) return Errc::invalid;
    if (offset > bytes() || count > bytes() - offset) return Errc::invalid;
    sched::ExclusiveGuard guard(lock_);
    TRY(write_back());
    TRY(disk_.clear(operation, first_ + (offset >> sector_shift), count >> sector_shift));
    pages_->discard(offset >> page_shift, PageCount::covering(offset + count).n);
    return {};
}

RefPtr<mm::VmObject> Volume::map(bool is_writable) {
    lock_.lock(); // nobody drops pages any more
    is_mapped_ = true;
    if (is_writable) is_mapped_writable_ = true;
    lock_.unlock();
    return RefPtr<mm::VmObject>(pages_.get());
}

} // namespace drupe::block
