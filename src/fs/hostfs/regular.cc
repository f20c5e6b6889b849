// SPDX-License-Identifier: BSD-2-Clause
// Regular files: what is read and written goes to the server at once.
#include "regular.h"

#include <drupe/base/scope_exit.h>
#include <drupe/mm/frames.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace drupe::hostfs {

using namespace vfs;

Result<Bounce> Bounce::make(std::size_t bytes) {
    constexpr unsigned most_order = 5; // 128 KiB
    const std::size_t pages = PageCount::covering(bytes).n;
    auto order = std::min(most_order, static_cast<unsigned>(std::bit_width(pages - 1)));
    for (;; order--) {
        const auto at = mm::alloc_frames(order);
        if (at.ok()) return Bounce(at.value(), order);
        if (order == 0) return at.error();
    }
}
Bounce::~Bounce() {
    if (raw(at_) != 0) mm::free_frames(at_, order_);
}
std::byte* Bounce::bytes() const { return static_cast<std::byte*>(mm::phys_to_virt(at_)); }

namespace {

class HostFile final : public File {
public:
    HostFile(Dentry& dentry, std::uint32_t flags, RefPtr<Handle> handle)
        : File(dentry, flags), handle_(std::move(handle)) {}

    Result<std::size_t> read_at(IoBuffer& buffer, std::uint64_t offset) override {
        return regular().read(*handle_, buffer, offset);
    }
    Result<std::size_t> write_at(IoBuffer& buffer, std::uint64_t& offset, bool append) override {
        return regular().write(*handle_, buffer, offset, append);
    }
    Result<std::uint64_t> seek(std::int64_t offset, int whence) override;
    Result<RefPtr<mm::VmObject>> mappable(bool shared, bool writable) override {
        const bool changes = shared && writable;
        if (!is_readable() || (changes && !is_writable())) return Errc::access;
        return regular().map(*handle_, changes);
    }
    bool hears_of_mappings() const override { return true; }
    void attach() override { regular().add_writable_mapping(); }
    void detach() override { regular().remove_writable_mapping(); }
    Result<void> sync(bool data_only) override { return regular().sync(*handle_, data_only); }
    Result<void> truncate(std::uint64_t size) override { return regular().truncate(size); }
    Result<void> allocate(int mode, std::uint64_t offset, std::uint64_t length) override {
        return regular().allocate(*handle_, mode, offset, length);
    }
    Result<void> flush() override {
        return is_writable() ? handle_->server().flush(*handle_) : Result<void>{};
    }

private:
    HostRegular& regular() const { return static_cast<HostRegular&>(inode()); }
    RefPtr<Handle> handle_;
};

Result<std::uint64_t> HostFile::seek(std::int64_t offset, int whence) {
    sched::MutexGuard guard(position_mutex_);
    if (whence > seek_hole || whence < 0) return Errc::invalid;
    if (whence >= seek_end) TRY(regular().update());
    const std::uint64_t end = regular().size();
    if (whence == seek_data || whence == seek_hole) {
        const auto found =
            handle_->server().seek(*handle_, static_cast<std::uint64_t>(offset), whence);
        if (found.ok()) return position_ = found.value();
        if (found.error() != Errc::not_supported) return found.error();
        // All of it is data.
        if (offset < 0 || static_cast<std::uint64_t>(offset) >= end) return Errc::no_device;
        return position_ = whence == seek_data ? static_cast<std::uint64_t>(offset) : end;
    }
    const std::uint64_t base = whence == seek_set ? 0 : whence == seek_current ? position_ : end;
    std::int64_t sum = 0;
    if (__builtin_add_overflow(static_cast<std::int64_t>(base), offset, &sum))
        return Errc::overflow;
    if (sum < 0) return Errc::invalid;
    return position_ = static_cast<std::uint64_t>(sum);
}

} // namespace

Result<RefPtr<Inode>> HostRegular::create(HostFs& fs, const Found& found) {
    // The pages know their file, and the file its pages.
    void* const room = ::operator new(sizeof(HostRegular), std::nothrow);
    if (!room) return Errc::no_memory;
    auto pages = make_ref<HostPages>(*static_cast<HostRegular*>(room));
    if (!pages) {
        ::operator delete(room);
        return pages.error();
    }
    return RefPtr<Inode>::adopt(new (room) HostRegular(fs, found, pages.take_unchecked()));
}

void HostRegular::keep_handle(RefPtr<Handle> handle) {
    SpinGuard guard(handles_lock_);
    std::swap(fresh_, handle); // what was there goes without the lock
}

Result<RefPtr<File>> HostRegular::open(Dentry& dentry, std::uint32_t flags) {
    RefPtr<Handle> handle;
    if ((flags & open_sync) == 0) {
        SpinGuard guard(handles_lock_);
        std::swap(fresh_, handle);
    }
    if (!handle) handle = TRY(server().open(*node(), flags));
    RefPtr<File> file = TRY(make_ref<HostFile>(dentry, flags, std::move(handle)));
    return file;
}

void HostRegular::set_size(std::uint64_t size) {
    size_.store(size, std::memory_order_relaxed);
    pages_->limit.store(size, std::memory_order_relaxed);
    pages_->size.store(size, std::memory_order_relaxed);
}

Result<std::size_t> HostRegular::read(Handle& handle, IoBuffer& buffer, std::uint64_t offset) {
    if (buffer.size() == 0 || offset >= max_file_size) return std::size_t{0};
    if (has_writable_mapping()) [[unlikely]]
        return read_pages(buffer, offset);
    Bounce bounce = TRY(Bounce::make(buffer.size()));
    std::size_t moved = 0;
    while (buffer.size() != 0) {
        const std::size_t asked = std::min({buffer.size(), bounce.size(), server().most_bytes()});
        const share::Piece piece = bounce.piece(asked);
        const auto got = server().read(handle, offset + moved, {&piece, 1});
        if (!got.ok()) return moved ? Result<std::size_t>(moved) : got.error();
        if (got.value() == 0) break;
        const auto put = buffer.put(bounce.bytes(), got.value());
        if (!put.ok()) return moved ? Result<std::size_t>(moved) : put.error();
        moved += put.value();
        if (put.value() != asked) break;
    }
    return moved;
}

Result<std::size_t> HostRegular::write(Handle& handle, IoBuffer& buffer, std::uint64_t& offset,
                                       bool append) {
    sched::MutexGuard guard(mutex());
    if (append) {
        forget_facts();
        TRY(update());
        offset = size();
    }
    if (buffer.size() == 0) return std::size_t{0};
    if (offset >= max_file_size) return Errc::file_too_large;
    buffer.limit(
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), max_file_size - offset)));
    if (is_mapped_) TRY(hold_pages(offset, buffer.size()));
    Bounce bounce = TRY(Bounce::make(buffer.size()));
    std::size_t moved = 0;
    Errc why = Errc::ok;
    while (buffer.size() != 0) {
        const std::size_t wanted = std::min({buffer.size(), bounce.size(), server().most_bytes()});
        const auto taken = buffer.take(bounce.bytes(), wanted);
        if (!taken.ok()) {
            why = taken.error();
            break;
        }
        const share::Piece piece = bounce.piece(taken.value());
        const auto sent = server().write(handle, offset + moved, {&piece, 1});
        if (!sent.ok()) {
            why = sent.error();
            break;
        }
        if (is_mapped_) copy_to_pages(offset + moved, bounce.bytes(), sent.value());
        moved += sent.value();
        if (offset + moved > size()) set_size(offset + moved);
        if (sent.value() != wanted) break;
    }
    forget_facts();
    return moved ? Result<std::size_t>(moved) : why == Errc::ok ? Errc::io : why;
}

Result<void> HostRegular::truncate(std::uint64_t to) {
    if (to > max_file_size) return Errc::file_too_large;
    if (is_out_of_reach()) return Errc::not_found;
    sched::MutexGuard guard(mutex());
    if (is_mapped_ && has_writable_mapping()) TRY(write_back_locked());
    Change change;
    change.set_size = true;
    change.size = to;
    TRY(server().change(*node(), change));
    set_size(to);
    if (is_mapped_) cut_pages(to);
    forget_facts();
    return {};
}

Result<void> HostRegular::allocate(Handle& handle, int mode, std::uint64_t offset,
                                   std::uint64_t length) {
    sched::MutexGuard guard(mutex());
    if (is_mapped_) TRY(write_back_locked());
    TRY(server().allocate(handle, mode, offset, length));
    forget_facts();
    TRY(update());
    set_size(size());
    if (!is_mapped_) return {};
    // It may have become a hole, or shifted what lies behind: what is mapped is read anew.
    pages_->discard(offset >> page_shift, mm::PageIndex::limit);
    sums_.forget(offset >> page_shift);
    forget_facts();
    return {};
}

Result<void> HostRegular::sync(Handle& handle, bool data_only) {
    TRY(write_back());
    return server().sync(handle, data_only);
}

} // namespace drupe::hostfs
