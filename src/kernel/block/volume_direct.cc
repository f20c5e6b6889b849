// SPDX-License-Identifier: BSD-2-Clause
// Ways past the cache of a volume: O_DIRECT, discard and write-zeroes. The device reads and writes
// the program's memory itself where that lies in whole blocks; else a buffer is between.
#include <drupe/block/volume.h>
#include <drupe/block/write_back.h>

#include <drupe/base/scope_exit.h>
#include <drupe/mm/address_space.h>
#include <drupe/mm/frames.h>
#include <drupe/sched/thread.h>

#include <algorithm>
#include <cstring>

namespace drupe::block {
namespace {

constexpr unsigned bounce_order = 3; // 32 KiB
constexpr std::size_t most_segments = batch_pages;

char* bytes_at(PhysAddr at) { return static_cast<char*>(mm::phys_to_virt(at)); }

} // namespace

/// A part of a transfer: memory, and where the program knows it.
class Volume::Direct {
public:
    Direct(vfs::IoBuffer& buffer, const Limits& limits, Operation operation)
        : buffer_(buffer), limits_(limits), operation_(operation) {}
    ~Direct() {
        release();
        if (raw(bounce_) != 0) mm::free_frames(bounce_, bounce_order);
    }
    Direct(const Direct&) = delete;
    Direct& operator=(const Direct&) = delete;

    /// The next part. For a write its bytes are there. fault, no_memory.
    Result<std::size_t> prepare();
    std::span<const Segment> segments() const { return {segments_, count_}; }
    /// The device has done it: after a read the program has the bytes. fault.
    Result<void> complete();

private:
    Result<std::size_t> prepare_bounce();
    bool is_alignable(std::uint64_t at, std::size_t bytes) const {
        return buffer_.is_user() && at % limits_.block_bytes == 0 &&
               std::min<std::size_t>(bytes, page_size) >= limits_.block_bytes;
    }
    std::span<const PhysAddr> frames() const { return {frames_, count_}; }
    void release();

    vfs::IoBuffer& buffer_;
    const Limits& limits_;
    const Operation operation_;
    bool is_bounced_ = false;
    PhysAddr bounce_{0};
    VirtAddr at_{0}; // of the first page
    std::size_t bytes_ = 0, count_ = 0;
    Segment segments_[most_segments];
    PhysAddr frames_[most_segments]; // of the segments, when not bounced
};

/// Page by page up to the end of the piece; frames are held, so they stay while the device uses
/// them whatever the program does.
Result<std::size_t> Volume::Direct::prepare() {
    release();
    const auto [at, length] = buffer_.front();
    std::size_t left = length / limits_.block_bytes * limits_.block_bytes;
    if (!is_alignable(at, left)) return prepare_bounce();
    const auto access = operation_ == Operation::read ? arch::Access::write : arch::Access::read;
    const std::size_t within = at & page_mask;
    const std::size_t most = std::min<std::size_t>(most_segments, limits_.segments);
    const std::size_t wanted = std::min(PageCount::covering(within + left).n, most);
    at_ = VirtAddr{at - within};
    // What cannot be held now comes with the next part, or fails it.
    count_ = TRY(sched::current().address_space->hold(at_, access, std::span(frames_, wanted)));
    for (std::size_t i = 0, begin = within; i < count_; i++, begin = 0) {
        const std::size_t piece = std::min(left, page_size - begin);
        segments_[i] = {frames_[i] + begin, static_cast<std::uint32_t>(piece)};
        bytes_ += piece;
        left -= piece;
    }
    return bytes_;
}

Result<std::size_t> Volume::Direct::prepare_bounce() {
    if (raw(bounce_) == 0) bounce_ = TRY(mm::alloc_frames(bounce_order));
    is_bounced_ = true;
    bytes_ =
        std::min({buffer_.size(), page_size << bounce_order, std::size_t{limits_.segment_bytes}});
    segments_[0] = {bounce_, static_cast<std::uint32_t>(bytes_)};
    count_ = 1;
    if (operation_ == Operation::read) return bytes_;
    if (TRY(buffer_.take(bytes_at(bounce_), bytes_)) != bytes_) return Errc::fault;
    return bytes_;
}

Result<void> Volume::Direct::complete() {
    if (is_bounced_) {
        if (operation_ == Operation::write) return {};
        if (TRY(buffer_.put(bytes_at(bounce_), bytes_)) != bytes_) return Errc::fault;
        return {};
    }
    if (operation_ == Operation::write) {
        buffer_.skip(bytes_);
        return {};
    }
    for (const PhysAddr frame : frames()) mm::note_frame_written(frame);
    const std::size_t seen = sched::current().address_space->count_writable_as(at_, frames());
    std::size_t there = 0;
    for (const Segment& segment : segments().first(seen)) there += segment.bytes;
    buffer_.skip(there);
    // The program unmapped it meanwhile, made a copy by a fork, or the page was written to its file
    // before all was in: then it gets the bytes as with any read.
    for (const Segment& segment : segments().subspan(seen))
        if (TRY(buffer_.put(bytes_at(segment.at), segment.bytes)) != segment.bytes)
            return Errc::fault;
    return {};
}

void Volume::Direct::release() {
    if (!is_bounced_)
        for (const PhysAddr frame : frames()) mm::release_frame(frame);
    is_bounced_ = false;
    bytes_ = count_ = 0;
}

/// Nothing of the pages is cached, dirty or on its way. The caller has claimed them.
void Volume::drop_cache(std::uint64_t first, std::uint64_t end) {
    while (pages_->page_count() != 0 && !pages_->discard_unkept(first, end))
        dirty_.write(first, end);
    if (dirty_.has_any(first, end)) dirty_.write(first, end);
}

Result<std::size_t> Volume::read_direct(vfs::IoBuffer& buffer, std::uint64_t offset) {
    if (offset >= bytes()) return std::size_t{0};
    return move_direct(buffer, offset, Operation::read);
}

Result<std::size_t> Volume::write_direct(vfs::IoBuffer& buffer, std::uint64_t offset) {
    if (buffer.size() != 0 && offset >= bytes()) return Errc::no_space;
    if (disk_.limits().is_read_only) return Errc::not_permitted;
    return move_direct(buffer, offset, Operation::write);
}

Result<std::size_t> Volume::move_direct(vfs::IoBuffer& buffer, std::uint64_t offset,
                                        Operation operation) {
    const std::uint32_t block = disk_.limits().block_bytes;
    if (offset % block != 0 || buffer.size() % block != 0) return Errc::invalid;
    buffer.limit(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), bytes() - offset)));
    Direct part(buffer, disk_.limits(), operation);
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        const auto prepared = part.prepare();
        if (!prepared.ok()) return moved ? Result<std::size_t>(moved) : prepared.error();
        const std::uint64_t at = offset + moved;
        const std::uint64_t first = at >> page_shift;
        const std::uint64_t end = PageCount::covering(at + prepared.value()).n;
        Result<void> outcome;
        if (operation == Operation::write) {
            Claims::Claim claim(claims_, first, end);
            drop_cache(first, end);
            outcome = disk_.write(first_ + (at >> sector_shift), part.segments());
        } else {
            if (dirty_.has_any(first, end)) dirty_.write(first, end);
            outcome = disk_.read(first_ + (at >> sector_shift), part.segments());
        }
        if (outcome) outcome = part.complete();
        if (!outcome) return moved ? Result<std::size_t>(moved) : outcome.error();
        moved += prepared.value();
    }
    return moved;
}

Result<void> Volume::clear(Operation operation, std::uint64_t offset, std::uint64_t count) {
    const std::uint32_t block = disk_.limits().block_bytes;
    if (offset % block != 0 || count % block != 0) return Errc::invalid;
    if (offset > bytes() || count > bytes() - offset) return Errc::invalid;
    const std::uint64_t first = offset >> page_shift, end = PageCount::covering(offset + count).n;
    Claims::Claim claim(claims_, first, end);
    drop_cache(first, end);
    return disk_.clear(operation, first_ + (offset >> sector_shift), count >> sector_shift);
}

} // namespace drupe::block
