// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/block/volume.h>
#include <drupe/block/write_back.h>

#include <drupe/base/format.h>
#include <drupe/base/scope_exit.h>
#include <drupe/mm/frames.h>

#include <algorithm>
#include <cstring>

namespace drupe::block {
namespace {

constexpr std::uint64_t few_pages = 32;         // segments for these fit a stack
constexpr std::uint64_t read_ahead_pages = 128; // 512 KiB: as requests that go at once

char* bytes_at(PhysAddr frame) { return static_cast<char*>(mm::phys_to_virt(frame)); }

} // namespace

Result<Volume*> Volume::create(Disk& disk, std::uint64_t first, std::uint64_t sectors,
                               unsigned minor, unsigned number) {
    constexpr unsigned first_dynamic_major = 254; // where Linux puts virtio disks
    auto* const room = static_cast<Volume*>(::operator new(sizeof(Volume), std::nothrow));
    if (!room) return Errc::no_memory;
    ScopeExit undo{[&] { ::operator delete(room); }};
    auto pages = TRY(make_ref<VolumePages>(*room));
    pages->size.store(sectors << sector_shift, std::memory_order_relaxed);
    pages->limit.store(sectors << sector_shift, std::memory_order_relaxed);
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

Result<PhysAddr> VolumePages::make_page(std::uint64_t index) { return volume_.bring_in(index, 1); }
Result<void> VolumePages::page_written(std::uint64_t index, PhysAddr frame) {
    return volume_.dirty_.mark(index, frame);
}
bool VolumePages::keeps_page(std::uint64_t index) const { return volume_.dirty_.is_dirty(index); }
Result<void> VolumePages::write_back() { return volume_.sync(); }

/// Page `index`, with a reference, and up to `pages` from there on with one request.
Result<PhysAddr> Volume::bring_in(std::uint64_t index, std::uint64_t pages) {
    const std::uint64_t end = PageCount::covering(bytes()).n;
    if (index >= end) return Errc::out_of_range;
    // Who reads on where the last reading ended will go on reading.
    const bool reads_on = reads_on_at_.load(std::memory_order_relaxed) == index;
    if (reads_on) pages = read_ahead_pages;
    pages = std::min<std::uint64_t>({pages, read_ahead_pages, end - index});
    reads_on_at_.store(index + pages, std::memory_order_relaxed);
    const auto frame = read_pages(index, pages);
    // The page that is wanted may be readable though its neighbours are not.
    return frame.ok() || pages == 1 ? frame : read_pages(index, 1);
}

Result<PhysAddr> Volume::read_pages(std::uint64_t index, std::uint64_t pages) {
    Segment few[few_pages];
    Segment* const many =
        pages > few_pages ? new (std::nothrow) Segment[read_ahead_pages] : nullptr;
    ScopeExit free{[&] { delete[] many; }};
    Segment* const segments = many ? many : few;
    if (!many) pages = std::min<std::uint64_t>(pages, few_pages);
    std::size_t count = 0;
    Claims::Claim claim(claims_, index, index + pages);
    ScopeExit release{[&] {
        for (const Segment& segment : std::span(segments, count)) mm::release_frame(segment.at);
    }};
    for (; count < pages; count++) {
        if (const PhysAddr there = pages_->get_present_page(index + count); raw(there) != 0) {
            if (count == 0) return there; // it came meanwhile
            mm::release_frame(there);
            break;
        }
        const auto frame = cache_frame();
        if (!frame && count == 0) return frame;
        if (!frame) break;
        segments[count] = {frame.value(), bytes_of_page(index + count)};
        if (segments[count].bytes != page_size) std::memset(bytes_at(frame.value()), 0, page_size);
    }
    TRY(disk_.read(sector_of_page(index), {segments, count}));
    TRY(pages_->adopt_page(index, segments[0].at));
    for (std::size_t i = 1; i < count; i++)
        static_cast<void>(pages_->adopt_page(index + i, segments[i].at));
    mm::retain_frame(segments[0].at);
    return segments[0].at;
}

Result<std::size_t> Volume::read(vfs::IoBuffer& buffer, std::uint64_t offset) {
    if (offset >= bytes()) return std::size_t{0};
    buffer.limit(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), bytes() - offset)));
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        const std::uint64_t index = offset >> page_shift;
        const std::size_t within = offset & page_mask;
        const PhysAddr there = pages_->get_present_page(index);
        const auto frame = raw(there) != 0
                               ? Result<PhysAddr>(there)
                               : bring_in(index, PageCount::covering(within + buffer.size()).n);
        if (!frame.ok()) return moved ? Result<std::size_t>(moved) : frame.error();
        const std::size_t piece = std::min(buffer.size(), page_size - within);
        const auto put = buffer.put(bytes_at(frame.value()) + within, piece);
        mm::Frame& used = mm::frame_of(frame.value());
        used.is_recent.store(true, std::memory_order_relaxed);
        mm::release_frame(frame.value());
        if (!put.ok()) return moved ? Result<std::size_t>(moved) : put.error();
        moved += put.value();
        offset += put.value();
        if (put.value() != piece) break;
    }
    return moved;
}

/// The bytes are in the page afterwards, whichever frame that is.
Result<void> Volume::copy_into_page(std::uint64_t index, std::size_t within, const void* from,
                                    std::size_t bytes) {
    for (;;) {
        const PhysAddr frame = TRY(pages_->get_page(index));
        std::memcpy(bytes_at(frame) + within, from, bytes);
        mm::note_frame_written(frame);
        const auto noted = pages_->note_page_written(index, frame);
        mm::release_frame(frame);
        if (!noted.ok()) return noted.error();
        if (noted.value()) return {};
    }
}

/// What is written whole need not be read before.
Result<std::size_t> Volume::write_fresh_page(vfs::IoBuffer& buffer, std::uint64_t index) {
    const PhysAddr fresh = TRY(cache_frame());
    ScopeExit release{[&] { mm::release_frame(fresh); }};
    const std::size_t taken = TRY(buffer.take(bytes_at(fresh), page_size));
    if (taken == page_size) {
        Claims::Claim claim(claims_, index, index + 1);
        if (pages_->adopt_page(index, fresh)) {
            TRY(pages_->note_page_written(index, fresh));
            return taken;
        }
    }
    // Less came than was said, or the page from elsewhere.
    TRY(copy_into_page(index, 0, bytes_at(fresh), taken));
    return taken;
}

Result<std::size_t> Volume::write_page(vfs::IoBuffer& buffer, std::uint64_t index,
                                       std::size_t within, std::size_t bytes) {
    PhysAddr frame = pages_->get_present_page(index);
    if (raw(frame) == 0) {
        if (bytes == page_size) return write_fresh_page(buffer, index);
        frame = TRY(pages_->get_page(index));
    }
    ScopeExit release{[&] { mm::release_frame(frame); }};
    const auto taken = buffer.take(bytes_at(frame) + within, bytes);
    mm::note_frame_written(frame);
    // Also after a fault: some bytes may have come.
    if (!TRY(pages_->note_page_written(index, frame)) && taken.ok())
        TRY(copy_into_page(index, within, bytes_at(frame) + within, taken.value()));
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
        throttle_writer(*this);
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

Result<void> Volume::sync(std::atomic<std::uint32_t>& told) {
    write_back();
    if (!disk_.flush()) dirty_.note_failure();
    const std::uint32_t now = dirty_.failures();
    told_.store(now, std::memory_order_relaxed);
    if (told.exchange(now, std::memory_order_relaxed) == now) return {};
    return Errc::io;
}

std::uint64_t Volume::cached_pages() const { return pages_->page_count(); }

std::size_t Volume::evict(std::size_t most) {
    std::uint64_t hand = hand_.load(std::memory_order_relaxed);
    const std::size_t gone = pages_->evict(hand, pages_->page_count(), most);
    hand_.store(hand, std::memory_order_relaxed);
    return gone;
}

} // namespace drupe::block
