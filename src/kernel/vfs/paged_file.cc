// SPDX-License-Identifier: BSD-2-Clause
// Bytes of paged files. Readers take no lock; writers, truncation and holes go one at a time under
// the inode's mutex. The size grows only after the bytes are there.
#include <drupe/base/scope_exit.h>
#include <drupe/mm/frames.h>
#include <drupe/vfs/file_system.h>
#include <drupe/vfs/paged_file.h>

#include <algorithm>
#include <cstring>

namespace drupe::vfs {
namespace {

class PagedFile final : public File {
public:
    PagedFile(Dentry& dentry, std::uint32_t flags) : File(dentry, flags) {}
    PagedInode& paged() const { return static_cast<PagedInode&>(inode()); }

    Result<std::size_t> read_at(IoBuffer& buffer, std::uint64_t offset) override {
        touch();
        return paged().read_at(buffer, offset);
    }
    Result<std::size_t> write_at(IoBuffer& buffer, std::uint64_t& offset, bool append) override {
        return paged().write_at(buffer, offset, append);
    }
    Result<std::uint64_t> seek(std::int64_t offset, int whence) override;
    Result<RefPtr<mm::VmObject>> mappable(bool shared, bool writable) override {
        if (!is_readable() || (shared && writable && !is_writable())) return Errc::access;
        if (const auto seals = paged().seals();
            seals.ok() && shared && writable && (seals.value() & (seal_write | seal_future_write)))
            return Errc::not_permitted;
        touch();
        return RefPtr<mm::VmObject>(&paged().pages());
    }
    bool tells_mapped_writes() const override { return inode().fs().tells_mapped_writes(); }
    void written() override { inode().touch_modified(); }
    Result<void> sync(bool) override { return {}; }
    Result<void> truncate(std::uint64_t size) override { return paged().truncate(size); }
    Result<void> allocate(int mode, std::uint64_t offset, std::uint64_t length) override {
        return paged().allocate(mode, offset, length);
    }

private:
    void touch() {
        if (!(flags() & open_no_atime)) inode().touch_atime();
    }
};

Result<std::uint64_t> PagedFile::seek(std::int64_t offset, int whence) {
    sched::MutexGuard guard(position_mutex_);
    std::int64_t base = 0;
    switch (whence) {
    case seek_set: break;
    case seek_current: base = static_cast<std::int64_t>(position_); break;
    case seek_end: base = static_cast<std::int64_t>(paged().size()); break;
    case seek_data:
    case seek_hole:
        if (offset < 0) return Errc::no_device;
        position_ = whence == seek_data
                        ? TRY(paged().seek_data(static_cast<std::uint64_t>(offset)))
                        : TRY(paged().seek_hole(static_cast<std::uint64_t>(offset)));
        return position_;
    default: return Errc::invalid;
    }
    std::int64_t sum = 0;
    if (__builtin_add_overflow(base, offset, &sum)) return Errc::overflow;
    if (sum < 0) return Errc::invalid;
    position_ = static_cast<std::uint64_t>(sum);
    return position_;
}

char* bytes_of(PhysAddr frame) { return static_cast<char*>(mm::phys_to_virt(frame)); }

} // namespace

Result<RefPtr<File>> PagedInode::open(Dentry& dentry, std::uint32_t flags) {
    RefPtr<File> file = TRY(make_ref<PagedFile>(dentry, flags));
    return file;
}

Attributes PagedInode::attributes() {
    Attributes a = Inode::attributes();
    a.blocks = pages_->page_count() * (page_size / 512);
    return a;
}

Result<std::size_t> PagedInode::read_at(IoBuffer& buffer, std::uint64_t offset) {
    const std::uint64_t end = size();
    if (offset >= end) return std::size_t{0};
    const auto bytes =
        static_cast<std::size_t>(std::min<std::uint64_t>(end - offset, buffer.size()));
    const std::size_t within = offset & page_mask;
    if (within + bytes > page_size) return read_pages(buffer, offset, bytes);
    // Nearly all reads stay inside one page that is there.
    const PhysAddr frame = pages_->get_present_page(offset >> page_shift);
    if (frame == PhysAddr{0}) [[unlikely]]
        return read_pages(buffer, offset, bytes);
    const Result<std::size_t> put = buffer.put(bytes_of(frame) + within, bytes);
    mm::release_frame(frame);
    return put;
}

Result<std::size_t> PagedInode::read_pages(IoBuffer& buffer, std::uint64_t offset,
                                           std::size_t left) {
    std::size_t moved = 0;
    while (left != 0) {
        const std::size_t within = offset & page_mask;
        const std::size_t piece = std::min(left, page_size - within);
        const Result<PhysAddr> frame = pages_->page_to_read(offset >> page_shift);
        if (!frame.ok()) return moved ? Result<std::size_t>(moved) : frame.error();
        const bool is_hole = frame.value() == PhysAddr{0};
        const Result<std::size_t> put =
            is_hole ? buffer.put_zeros(piece) : buffer.put(bytes_of(frame.value()) + within, piece);
        if (!is_hole) mm::release_frame(frame.value());
        if (!put.ok()) return moved ? Result<std::size_t>(moved) : put.error();
        moved += put.value();
        offset += put.value();
        left -= put.value();
        if (put.value() != piece) break;
    }
    return moved;
}

Result<std::size_t> PagedInode::write_at(IoBuffer& buffer, std::uint64_t& offset, bool append) {
    sched::MutexGuard guard(mutex_);
    const std::uint64_t old_size = size();
    if (append) offset = old_size;
    if (buffer.size() == 0) return std::size_t{0};
    if (offset >= max_file_size) return Errc::file_too_large;
    if (is_sealed(seal_write | seal_future_write)) return Errc::not_permitted;
    std::size_t left =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), max_file_size - offset));
    if (is_sealed(seal_grow) && offset + left > old_size) {
        if (offset >= old_size) return Errc::not_permitted;
        left = static_cast<std::size_t>(old_size - offset);
    }
    if (offset > old_size) TRY(zero_part(old_size, offset));
    if (offset + left > pages_->limit.load(std::memory_order_relaxed))
        pages_->limit.store(offset + left, std::memory_order_relaxed);

    std::uint64_t at = offset;
    std::size_t moved = 0;
    Errc why = Errc::ok;
    while (left != 0) {
        const std::size_t within = at & page_mask;
        const std::size_t piece = std::min(left, page_size - within);
        const Result<PhysAddr> frame = pages_->get_page(at >> page_shift);
        if (!frame.ok()) {
            why = frame.error() == Errc::no_memory ? Errc::no_space : frame.error();
            break;
        }
        const Result<std::size_t> taken = buffer.take(bytes_of(frame.value()) + within, piece);
        mm::note_frame_written(frame.value());
        mm::release_frame(frame.value());
        if (!taken.ok()) {
            why = taken.error();
            break;
        }
        moved += taken.value();
        at += taken.value();
        left -= taken.value();
        if (at > size()) pages_->size.store(at, std::memory_order_release);
        if (taken.value() != piece) break;
    }
    pages_->limit.store(size(), std::memory_order_relaxed);
    if (moved == 0) {
        pages_->truncate(PageCount::covering(size()).n); // a page got for nothing
        return why;
    }
    touch_modified();
    return moved;
}

/// Clears [from, to) where pages are present, up to the end of from's page: what lies behind the
/// end of a file must read as zeros once the file grows over it.
Result<void> PagedInode::zero_part(std::uint64_t from, std::uint64_t to) {
    const std::size_t within = from & page_mask;
    if (within == 0) return {};
    const PhysAddr frame = pages_->get_present_page(from >> page_shift);
    if (frame == PhysAddr{0}) return {};
    const std::size_t bytes =
        static_cast<std::size_t>(std::min<std::uint64_t>(to - from, page_size - within));
    std::memset(bytes_of(frame) + within, 0, bytes);
    mm::release_frame(frame);
    return {};
}

Result<void> PagedInode::resize_locked(std::uint64_t to) {
    const std::uint64_t from = size();
    if (to > max_file_size) return Errc::file_too_large;
    if ((to < from && is_sealed(seal_shrink)) || (to > from && is_sealed(seal_grow)))
        return Errc::not_permitted;
    if (to > from) {
        TRY(zero_part(from, to));
        pages_->limit.store(to, std::memory_order_relaxed);
        pages_->size.store(to, std::memory_order_release);
    } else if (to < from) {
        pages_->size.store(to, std::memory_order_release);
        pages_->limit.store(to, std::memory_order_relaxed);
        pages_->truncate(PageCount::covering(to).n);
        TRY(zero_part(to, from));
    }
    return {};
}

Result<void> PagedInode::truncate(std::uint64_t to) {
    sched::MutexGuard guard(mutex_);
    TRY(resize_locked(to));
    touch_modified();
    return {};
}

Result<void> PagedInode::allocate(int mode, std::uint64_t offset, std::uint64_t length) {
    enum { keep_size = 1, punch_hole = 2, zero_range = 0x10 };
    const std::uint64_t end = offset + length;
    if (mode & ~(keep_size | punch_hole | zero_range)) return Errc::not_supported;
    if (end > max_file_size) return Errc::file_too_large;
    sched::MutexGuard guard(mutex_);
    if (mode & punch_hole) {
        if (mode != (punch_hole | keep_size)) return Errc::not_supported;
        if (is_sealed(seal_write | seal_future_write)) return Errc::not_permitted;
        const std::uint64_t first = align_up(offset, page_size) >> page_shift;
        const std::uint64_t last = end >> page_shift;
        TRY(zero_part(offset, end));
        if (first <= last && (end & page_mask) != 0 && (end >> page_shift) >= first) {
            const PhysAddr tail = pages_->get_present_page(end >> page_shift);
            if (tail != PhysAddr{0}) {
                std::memset(bytes_of(tail), 0, end & page_mask);
                mm::release_frame(tail);
            }
        }
        if (first < last) pages_->discard(first, last);
        touch_modified();
        return {};
    }
    if (mode & zero_range) return Errc::not_supported; // as tmpfs
    const std::uint64_t old_size = size();
    if (end > old_size && is_sealed(seal_grow)) return Errc::not_permitted;
    const std::uint64_t old_limit = pages_->limit.load(std::memory_order_relaxed);
    if (end > old_limit) pages_->limit.store(end, std::memory_order_relaxed);
    Result<void> outcome;
    for (std::uint64_t i = offset >> page_shift; i <= (end - 1) >> page_shift; i++) {
        const Result<PhysAddr> frame = pages_->get_page(i);
        if (!frame.ok()) {
            outcome = frame.error() == Errc::no_memory ? Errc::no_space : frame.error();
            break;
        }
        mm::release_frame(frame.value());
    }
    if (outcome.ok() && !(mode & keep_size) && end > old_size) {
        TRY(zero_part(old_size, end));
        pages_->size.store(end, std::memory_order_release);
    }
    pages_->limit.store(size(), std::memory_order_relaxed);
    if (!outcome.ok()) pages_->truncate(PageCount::covering(size()).n);
    touch_changed();
    return outcome;
}

Result<std::uint64_t> PagedInode::seek_data(std::uint64_t from) {
    const std::uint64_t end = size();
    if (from >= end) return Errc::no_device;
    const std::uint64_t index = pages_->next_page(from >> page_shift);
    if (index > (end - 1) >> page_shift) return Errc::no_device;
    return std::max(from, index << page_shift);
}

Result<std::uint64_t> PagedInode::seek_hole(std::uint64_t from) {
    const std::uint64_t end = size();
    if (from >= end) return Errc::no_device;
    std::uint64_t index = from >> page_shift;
    while (pages_->next_page(index) == index) index++;
    return std::min(std::max(from, index << page_shift), end);
}

Result<std::uint32_t> PagedInode::seals() const {
    if (!(seals_ & seals_known)) return Errc::invalid;
    return seals_ & ~seals_known;
}

Result<void> PagedInode::add_seals(std::uint32_t seals) {
    constexpr std::uint32_t all =
        seal_seal | seal_shrink | seal_grow | seal_write | seal_future_write;
    if (seals & ~all) return Errc::invalid;
    if (!(seals_ & seals_known)) return Errc::invalid;
    sched::MutexGuard guard(mutex_);
    if (is_sealed(seal_seal)) return Errc::not_permitted;
    if ((seals & seal_write) && writable_mappings.load(std::memory_order_relaxed) != 0)
        return Errc::busy;
    seals_ |= seals;
    return {};
}

} // namespace drupe::vfs
