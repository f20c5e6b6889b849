// SPDX-License-Identifier: BSD-2-Clause
// A pipe is a ring of bytes over pages that exist only while bytes are in them (one is kept).
// The mutex guards the ring; the counters that sleepers watch are atomic. A pipe that runs empty
// starts again at its first byte, so that small messages always use the same page.
#include "pipe_internal.h"

#include <drupe/mm/frames.h>
#include <drupe/vfs/file_system.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace drupe::vfs {

Pipe::~Pipe() {
    for (std::size_t i = 0; i < slots(); i++)
        if (pages_[i]) mm::release_frame(mm::virt_to_phys(pages_[i]));
    if (pages_ != first_pages_) delete[] pages_;
}

Result<char*> Pipe::page_at(std::uint64_t position) {
    char*& page = pages_[slot_of(position)];
    if (!page) page = static_cast<char*>(mm::phys_to_virt(TRY(mm::alloc_frames())));
    return page;
}

void Pipe::drop_page(std::uint64_t position) {
    char*& page = pages_[slot_of(position)];
    if (page) mm::release_frame(mm::virt_to_phys(std::exchange(page, nullptr)));
}

// Inlined, as drain is, into its only caller: a call for a few bytes is mostly calls.
[[gnu::always_inline]] inline Result<std::size_t> Pipe::fill(IoBuffer& from, std::size_t bytes) {
    // A small message into a page that is there.
    const std::size_t first_within = tail_ & page_mask;
    char* here = pages_[slot_of(tail_)];
    if (here && first_within + bytes <= page_size) [[likely]] {
        const std::size_t taken = TRY(from.take(here + first_within, bytes));
        tail_ += taken;
        used_.store(used() + taken, std::memory_order_relaxed);
        return taken;
    }
    return fill_pages(from, bytes);
}

Result<std::size_t> Pipe::fill_pages(IoBuffer& from, std::size_t bytes) {
    std::size_t moved = 0;
    while (moved < bytes) {
        const std::uint64_t at = tail_ + moved;
        const std::size_t within = at & page_mask;
        const std::size_t piece = std::min(bytes - moved, page_size - within);
        const Result<char*> page = page_at(at);
        if (!page.ok()) {
            if (moved == 0) return page.error();
            break;
        }
        const Result<std::size_t> taken = from.take(page.value() + within, piece);
        if (!taken.ok()) {
            if (moved == 0) return taken.error();
            break;
        }
        moved += taken.value();
        if (taken.value() != piece) break;
    }
    tail_ += moved;
    used_.store(used() + moved, std::memory_order_relaxed);
    return moved;
}

Result<std::size_t> Pipe::peek(IoBuffer& to, std::size_t skip) {
    if (skip >= used()) return std::size_t{0};
    const std::size_t bytes = std::min(used() - skip, to.size());
    std::size_t moved = 0;
    while (moved < bytes) {
        const std::uint64_t at = head_ + skip + moved;
        const std::size_t within = at & page_mask;
        const std::size_t piece = std::min(bytes - moved, page_size - within);
        const Result<std::size_t> put = to.put(pages_[slot_of(at)] + within, piece);
        if (!put.ok()) return moved ? Result<std::size_t>(moved) : put.error();
        moved += put.value();
        if (put.value() != piece) break;
    }
    return moved;
}

Result<std::size_t> Pipe::drain_pages(IoBuffer& to) {
    const std::size_t moved = TRY(peek(to, 0));
    discard(moved);
    return moved;
}

/// The same for one page.
[[gnu::always_inline]] inline Result<std::size_t> Pipe::drain(IoBuffer& to) {
    const std::size_t all = used();
    const std::size_t within = head_ & page_mask;
    if (all > to.size() || within + all >= page_size || head_ >= page_size) [[unlikely]]
        return drain_pages(to);
    // All of it, and it lies in the first page, which stays.
    const std::size_t moved = TRY(to.put(pages_[0] + within, all));
    used_.store(all - moved, std::memory_order_relaxed);
    head_ += moved;
    if (moved == all) head_ = tail_ = 0;
    return moved;
}

void Pipe::discard(std::size_t bytes) {
    if (bytes == 0) return;
    const std::uint64_t first = head_ >> page_shift;
    head_ += bytes;
    const std::size_t left = used() - bytes;
    used_.store(left, std::memory_order_relaxed);
    // An empty pipe keeps the page it used last: the next message is likely to be small, too.
    char* kept = left == 0 ? std::exchange(pages_[slot_of(head_ - 1)], nullptr) : nullptr;
    for (std::uint64_t page = first; page < head_ >> page_shift; page++)
        // A full ring's last bytes lie in the page its first ones came from.
        if (tail_ <= (page << page_shift) + capacity()) drop_page(page << page_shift);
    if (left != 0) return;
    head_ = tail_ = 0;
    pages_[0] = kept;
}

Result<void> Pipe::set_capacity(std::size_t bytes) {
    const std::size_t wanted = std::bit_ceil(std::max(bytes, page_size)) >> page_shift;
    char** fresh = wanted <= first_slots ? nullptr : new (std::nothrow) char* [wanted] {};
    if (wanted > first_slots && !fresh) return Errc::no_memory;
    sched::MutexGuard guard(mutex_);
    if (wanted == slots()) {
        delete[] fresh;
        return {};
    }
    const std::uint64_t first_page = head_ >> page_shift;
    const std::uint64_t pages_used = used() == 0 ? 0 : ((tail_ - 1) >> page_shift) - first_page + 1;
    if (pages_used > wanted) {
        delete[] fresh;
        return Errc::busy;
    }
    char* staged[first_slots] = {};
    char** target = fresh ? fresh : staged;
    if (pages_used > slots()) { // the first and the last bytes share a page: no longer
        const Result<PhysAddr> copy = mm::alloc_frames();
        if (!copy.ok()) {
            delete[] fresh;
            return copy.error();
        }
        char* last = static_cast<char*>(mm::phys_to_virt(copy.value()));
        std::memcpy(last, pages_[slot_of(head_)], page_size);
        target[pages_used - 1] = last;
    }
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(pages_used, slots()); i++)
        target[i] = std::exchange(pages_[slot_of((first_page + i) << page_shift)], nullptr);
    for (std::size_t i = 0; i < slots(); i++)
        if (pages_[i]) mm::release_frame(mm::virt_to_phys(pages_[i]));
    char** old = pages_;
    pages_ = fresh ? fresh : first_pages_;
    if (!fresh) std::copy(staged, staged + first_slots, first_pages_);
    if (old != first_pages_) delete[] old;
    capacity_.store(wanted << page_shift, std::memory_order_relaxed);
    tail_ -= first_page << page_shift;
    head_ -= first_page << page_shift;
    writable_.wake_all();
    return {};
}

PipeEnd::PipeEnd(Dentry& dentry, std::uint32_t flags, RefPtr<Pipe> pipe)
    : File(dentry, flags), pipe_(std::move(pipe)) {
    if (is_readable()) {
        pipe_->readers_.fetch_add(1, std::memory_order_relaxed);
        pipe_->readers_ever_.fetch_add(1, std::memory_order_relaxed);
        pipe_->writable_.wake_all();
    }
    if (is_writable()) {
        pipe_->writers_.fetch_add(1, std::memory_order_relaxed);
        pipe_->writers_ever_.fetch_add(1, std::memory_order_relaxed);
        pipe_->readable_.wake_all();
    }
    // A reader that came before any writer does not see the end of file yet.
    writers_at_open_ = pipe_->writers_.load(std::memory_order_relaxed) == 0
                           ? pipe_->writers_ever_.load(std::memory_order_relaxed)
                           : 0;
}

Result<void> PipeEnd::set_async(const AsyncRequest* request) {
    Result<void> outcome;
    if (is_readable()) outcome = pipe_->async_readers_.set(*this, request);
    if (outcome.ok() && is_writable()) {
        outcome = pipe_->async_writers_.set(*this, request);
        if (!outcome.ok()) pipe_->async_readers_.remove(*this);
    }
    return mark_async(outcome, request != nullptr);
}

PipeEnd::~PipeEnd() {
    pipe_->async_readers_.remove(*this);
    pipe_->async_writers_.remove(*this);
    if (is_readable() && pipe_->readers_.fetch_sub(1, std::memory_order_relaxed) == 1)
        pipe_->writable_.wake_all();
    // Release: who sees no writer sees what they wrote. Pairs with the acquire in has_ended().
    if (is_writable() && pipe_->writers_.fetch_sub(1, std::memory_order_release) == 1)
        pipe_->readable_.wake_all();
    if ((pipe_->readers_.load(std::memory_order_relaxed) == 0) !=
        (pipe_->writers_.load(std::memory_order_relaxed) == 0)) {
        pipe_->async_readers_.tell(AsyncEvent::in);
        pipe_->async_writers_.tell(AsyncEvent::out);
    }
    sched::MutexGuard guard(inode().mutex());
    if (pipe_->ends_.fetch_sub(1, std::memory_order_relaxed) == 1) inode().pipe = nullptr;
}

// Waiting stands apart: what it needs of the stack would be laid out for each call that need not.
Result<bool> PipeEnd::wait_for_bytes() {
    Pipe& pipe = *pipe_;
    if (!pipe.has_ended()) {
        // Also for nothing, as Linux does.
        pipe.async_writers_.tell(AsyncEvent::out);
        if (is_nonblocking()) return Errc::would_block;
        TRY(pipe.readable_.wait_until([&] { return pipe.used() != 0 || pipe.has_ended(); }));
        return true;
    }
    return pipe.used() != 0; // written just before the last writer left
}

Result<std::size_t> PipeEnd::read(IoBuffer& buffer) {
    if (buffer.size() == 0) return std::size_t{0};
    Pipe& pipe = *pipe_;
    for (;;) {
        {
            sched::MutexGuard guard(pipe.mutex_);
            if (const std::size_t used = pipe.used(); used != 0) [[likely]] {
                // A writer waits only for a page; one that finds less finds the pipe full.
                const bool was_full = pipe.capacity() - used < Pipe::atomic_bytes;
                const Result<std::size_t> moved = pipe.drain(buffer);
                if (was_full) pipe.writable_.wake_all(poll_out | poll_wrnorm);
                pipe.async_writers_.tell(AsyncEvent::out);
                return moved;
            }
        }
        if (!TRY(wait_for_bytes())) return std::size_t{0};
    }
}

Result<void> PipeEnd::wait_for_space(std::size_t needed) {
    Pipe& pipe = *pipe_;
    if (!is_nonblocking()) pipe.async_readers_.tell(AsyncEvent::in);
    if (is_nonblocking()) {
        // Also for nothing: Linux counts a try as an edge for those who watch.
        pipe.readable_.wake_all(poll_in | poll_rdnorm);
        return Errc::would_block;
    }
    return pipe.writable_.wait_until([&] { return pipe.space() >= needed || pipe.is_broken(); });
}

/// Puts in what there is room for, when it is `needed` bytes at least; how many went in.
/// broken_pipe.
[[gnu::always_inline]] inline Result<std::size_t> PipeEnd::write_some(IoBuffer& buffer,
                                                                      std::size_t needed) {
    Pipe& pipe = *pipe_;
    sched::MutexGuard guard(pipe.mutex_);
    if (pipe.is_broken()) [[unlikely]]
        return Errc::broken_pipe;
    const std::size_t space = pipe.space();
    if (space < needed) [[unlikely]]
        return std::size_t{0};
    const std::size_t moved = TRY(pipe.fill(buffer, std::min(space, buffer.size())));
    pipe.readable_.wake_all(poll_in | poll_rdnorm);
    return moved;
}

Result<std::size_t> PipeEnd::write(IoBuffer& buffer) {
    const std::size_t total = buffer.size();
    if (total == 0) [[unlikely]] {
        if (pipe_->readers_.load(std::memory_order_relaxed) == 0) return Errc::broken_pipe;
        return std::size_t{0};
    }
    // Up to PIPE_BUF bytes go in together or not at all.
    const std::size_t needed = total <= Pipe::atomic_bytes ? total : 1;
    const Result<std::size_t> first = write_some(buffer, needed);
    if (!first.ok()) [[unlikely]]
        return first;
    const Result<std::size_t> all =
        first.value() == total ? first : write_rest(buffer, total, needed);
    pipe_->async_readers_.tell(AsyncEvent::in); // once for each call, as Linux does
    return all;
}

Result<std::size_t> PipeEnd::write_rest(IoBuffer& buffer, std::size_t total, std::size_t needed) {
    while (buffer.size() != 0) {
        const Result<std::size_t> more = write_some(buffer, needed);
        const Result<void> failed = !more.ok()          ? Result<void>(more.error())
                                    : more.value() == 0 ? wait_for_space(needed)
                                                        : Result<void>();
        const std::size_t moved = total - buffer.size();
        if (!failed.ok()) return moved ? Result<std::size_t>(moved) : failed.error();
    }
    return total;
}

std::uint32_t PipeEnd::poll(PollWatcher* watcher) {
    Pipe& pipe = *pipe_;
    if (watcher) {
        if (is_readable()) watcher->watch(pipe.readable_);
        if (is_writable()) watcher->watch(pipe.writable_);
    }
    std::uint32_t events = 0;
    if (is_readable()) {
        // The writers first: no hang-up without the bytes that came before it.
        if (pipe.has_ended() &&
            pipe.writers_ever_.load(std::memory_order_relaxed) != writers_at_open_)
            events |= poll_hup;
        if (pipe.used() != 0) events |= poll_in | poll_rdnorm;
    }
    if (is_writable()) {
        if (pipe.space() >= Pipe::atomic_bytes) events |= poll_out | poll_wrnorm;
        if (pipe.is_broken()) events |= poll_err;
    }
    return events;
}

Result<std::uint64_t> PipeEnd::ioctl(std::uint32_t request, std::uint64_t argument) {
    constexpr std::uint32_t fionread = 0x541b;
    if (request != fionread) return Errc::not_terminal;
    TRY(arch::put_user(VirtAddr{argument}, static_cast<std::int32_t>(pipe_->used())));
    return std::uint64_t{0};
}

namespace {

Result<RefPtr<PipeEnd>> create_end_locked(Dentry& dentry, Inode& inode, std::uint32_t flags,
                                          RefPtr<Pipe> pipe) REQUIRES(inode.mutex()) {
    pipe->ends_.fetch_add(1, std::memory_order_relaxed); // given back by ~PipeEnd, or here
    auto* end = new (std::nothrow) PipeEnd(dentry, flags, pipe);
    if (end) return RefPtr<PipeEnd>::adopt(end);
    if (pipe->ends_.fetch_sub(1, std::memory_order_relaxed) == 1) inode.pipe = nullptr;
    return Errc::no_memory;
}

} // namespace

Result<PipeEnds> create_pipe(std::uint32_t flags) {
    RefPtr<Dentry> dentry = TRY(create_anonymous("pipe", mode_fifo | 0600, true));
    RefPtr<Pipe> pipe = TRY(make_ref<Pipe>());
    PipeEnds ends; // outlives the lock, which the end of an end takes
    Inode& inode = *dentry->inode();
    sched::MutexGuard guard(inode.mutex());
    inode.pipe = pipe.get();
    ends.read_end = TRY(create_end_locked(*dentry, inode, flags | open_read_only, pipe));
    ends.write_end = TRY(create_end_locked(*dentry, inode, flags | open_write_only, pipe));
    return ends;
}

Result<RefPtr<File>> open_fifo(Dentry& dentry, std::uint32_t flags) {
    Inode& inode = *dentry.inode();
    const std::uint32_t access = flags & open_access_mode;
    if (access == open_access_mode) return Errc::invalid;
    RefPtr<PipeEnd> end;
    {
        sched::MutexGuard guard(inode.mutex());
        RefPtr<Pipe> pipe(inode.pipe);
        if (!pipe) {
            if (access == open_write_only && (flags & open_nonblock)) return Errc::no_device;
            pipe = TRY(make_ref<Pipe>());
            inode.pipe = pipe.get();
        } else if (access == open_write_only && (flags & open_nonblock) &&
                   pipe->readers_.load(std::memory_order_relaxed) == 0) {
            return Errc::no_device;
        }
        end = TRY(create_end_locked(dentry, inode, flags, pipe));
    }
    TRY(end->wait_for_peer());
    return RefPtr<File>(std::move(end));
}

/// A reader waits for a writer to come and the other way round; one that came and left counts.
Result<void> PipeEnd::wait_for_peer() {
    if (is_nonblocking() || (is_readable() && is_writable())) return {};
    Pipe& pipe = *pipe_;
    if (is_readable()) {
        if (pipe.writers_.load(std::memory_order_relaxed) != 0) return {};
        const std::uint32_t seen = pipe.writers_ever_.load(std::memory_order_relaxed);
        writers_at_open_ = 0; // whoever comes now also counts for poll
        return pipe.readable_.wait_until(
            [&] { return pipe.writers_ever_.load(std::memory_order_relaxed) != seen; });
    }
    if (pipe.readers_.load(std::memory_order_relaxed) != 0) return {};
    const std::uint32_t seen = pipe.readers_ever_.load(std::memory_order_relaxed);
    return pipe.writable_.wait_until(
        [&] { return pipe.readers_ever_.load(std::memory_order_relaxed) != seen; });
}

namespace {
PipeEnd* as_pipe(File& file) {
    if (file.inode().kind() != mode_fifo || file.is_path_only()) return nullptr;
    return static_cast<PipeEnd*>(&file);
}
} // namespace

Result<std::size_t> pipe_capacity(File& file) {
    PipeEnd* end = as_pipe(file);
    if (!end) return Errc::bad_descriptor;
    return end->pipe().capacity();
}

Result<std::size_t> set_pipe_capacity(File& file, std::size_t bytes) {
    PipeEnd* end = as_pipe(file);
    if (!end) return Errc::bad_descriptor;
    TRY(end->pipe().set_capacity(bytes));
    return end->pipe().capacity();
}

bool is_pipe(File& file) { return as_pipe(file) != nullptr; }

} // namespace drupe::vfs
