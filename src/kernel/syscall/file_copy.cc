// SPDX-License-Identifier: BSD-2-Clause
// Bytes from one file to another without a stop in the program: sendfile, copy_file_range, splice,
// tee, vmsplice. They go through one page of the kernel's.
#include "file_call.h"

#include <drupe/mm/frames.h>
#include <drupe/process/signal.h>
#include <drupe/sched/thread.h>
#include <drupe/vfs/notify.h>
#include <drupe/vfs/pipe.h>

#include <algorithm>

namespace drupe::syscall {

using namespace vfs;

namespace {

/// A page on the way.
class Page {
public:
    static Result<Page> get() { return Page(TRY(mm::alloc_frames())); }
    Page(Page&& other) noexcept : frame_(std::exchange(other.frame_, PhysAddr{0})) {}
    ~Page() {
        if (raw(frame_) != 0) mm::release_frame(frame_);
    }
    void* bytes() const { return mm::phys_to_virt(frame_); }

private:
    explicit Page(PhysAddr frame) : frame_(frame) {}
    PhysAddr frame_;
};

/// Where one side of a transfer reads or writes: at an offset of the program's, or the file's own
/// position.
struct Side {
    File& file;
    bool has_offset = false;
    std::uint64_t offset = 0;

    Result<std::size_t> read(IoBuffer& to) {
        const std::size_t moved = TRY(has_offset ? file.read_at(to, offset) : file.read(to));
        if (has_offset) offset += moved;
        if (moved != 0) notify(file, notify_access);
        return moved;
    }
    Result<std::size_t> write(IoBuffer& from) {
        const std::size_t moved =
            TRY(has_offset ? file.write_at(from, offset, file.is_append()) : file.write(from));
        if (has_offset) offset += moved;
        if (moved != 0) notify(file, notify_modify);
        return moved;
    }
};

Result<void> load_offset(Side& side, VirtAddr at) {
    if (raw(at) == 0) return {};
    const auto offset = TRY(arch::get_user<std::int64_t>(at));
    if (offset < 0) return Errc::invalid;
    side.has_offset = true;
    side.offset = static_cast<std::uint64_t>(offset);
    return {};
}

Result<void> store_offset(const Side& side, VirtAddr at) {
    if (!side.has_offset) return {};
    return arch::put_user(at, static_cast<std::int64_t>(side.offset));
}

/// Gives back to a seekable source what the target did not take.
void put_back(Side& from, std::size_t bytes) {
    if (bytes == 0) return;
    if (from.has_offset)
        from.offset -= bytes;
    else
        (void)from.file.seek(-static_cast<std::int64_t>(bytes), seek_current);
}

/// From a file that can go back to any file. Bytes moved, or why none were.
Result<Word> transfer(Side& from, Side& to, Word bytes) {
    Page page = TRY(Page::get());
    Word moved = 0;
    while (moved < bytes) {
        IoBuffer in = IoBuffer::kernel(page.bytes(), std::min<Word>(page_size, bytes - moved));
        const Result<std::size_t> got = from.read(in);
        if (!got.ok()) return moved ? Result<Word>(moved) : got.error();
        if (got.value() == 0) break;
        IoBuffer out = IoBuffer::kernel(page.bytes(), got.value());
        const std::uint64_t at = to.has_offset ? to.offset : to.file.position();
        Result<void> limit = apply_file_limit(to.file, out, at);
        const Result<std::size_t> put =
            limit.ok() ? to.write(out) : Result<std::size_t>(limit.error());
        const std::size_t done = put.ok() ? put.value() : 0;
        put_back(from, got.value() - done);
        if (!put.ok()) return moved ? Result<Word>(moved) : raise_for(put.error());
        moved += done;
        if (done != got.value()) break;
        if (sched::current().has_interrupt()) break;
    }
    return moved;
}

/// From a pipe: what the target does not take must stay in it, so it is looked at before it goes.
Result<Word> drain_pipe(File& pipe, Side& to, Word bytes, bool nonblocking) {
    Page page = TRY(Page::get());
    TRY(wait_readable(pipe, nonblocking));
    Word moved = 0;
    while (moved < bytes) {
        const std::size_t got =
            TRY(peek_pipe(pipe, page.bytes(), std::min<Word>(page_size, bytes - moved), 0));
        if (got == 0) break;
        IoBuffer out = IoBuffer::kernel(page.bytes(), got);
        const Result<std::size_t> put = to.write(out);
        if (!put.ok()) return moved ? Result<Word>(moved) : raise_for(put.error());
        consume_pipe(pipe, put.value());
        moved += put.value();
        if (put.value() != got) break;
    }
    return moved;
}

Result<Word> copy_between(File& in, VirtAddr in_at, File& out, VirtAddr out_at, Word bytes,
                          bool nonblocking) {
    Side from{in}, to{out};
    TRY(load_offset(from, in_at));
    TRY(load_offset(to, out_at));
    const Result<Word> moved =
        is_pipe(in) ? drain_pipe(in, to, bytes, nonblocking) : transfer(from, to, bytes);
    if (!moved.ok()) return moved;
    // Also when nothing moved: a place that cannot be written is a fault at once.
    TRY(store_offset(from, in_at));
    TRY(store_offset(to, out_at));
    return moved;
}

enum : std::uint32_t { splice_move = 1, splice_nonblock = 2, splice_more = 4, splice_gift = 8 };

} // namespace

Result<Word> sendfile(int out_fd, int in_fd, VirtAddr offset, Word bytes) {
    FileRef in = file_at(in_fd);
    if (!in || !in->is_readable()) return Errc::bad_descriptor;
    FileRef out = file_at(out_fd);
    if (!out || !out->is_writable()) return Errc::bad_descriptor;
    if (!in->inode().is_regular() && in->inode().kind() != mode_block) return Errc::invalid;
    if (out->is_append()) return Errc::invalid;
    return copy_between(*in, offset, *out, VirtAddr{0}, std::min(bytes, most_moved), false);
}

Result<Word> copy_file_range(int in_fd, VirtAddr in_at, int out_fd, VirtAddr out_at, Word bytes,
                             std::uint32_t flags) {
    FileRef in = file_at(in_fd);
    FileRef out = file_at(out_fd);
    if (!in || !out) return Errc::bad_descriptor;
    if (flags != 0) return Errc::invalid;
    if (in->inode().is_directory() || out->inode().is_directory()) return Errc::is_directory;
    if (!in->inode().is_regular() || !out->inode().is_regular()) return Errc::invalid;
    if (!in->is_readable() || !out->is_writable() || out->is_append()) return Errc::bad_descriptor;
    Side from{*in}, to{*out};
    TRY(load_offset(from, in_at));
    TRY(load_offset(to, out_at));
    const std::uint64_t a = from.has_offset ? from.offset : in->position();
    const std::uint64_t b = to.has_offset ? to.offset : out->position();
    if (a + bytes < a || b + bytes < b) return Errc::overflow;
    if (&in->inode() == &out->inode()) {
        const Word here = a < in->inode().size() ? std::min(bytes, in->inode().size() - a) : 0;
        if (a < b + here && b < a + here) return Errc::invalid; // overlapping
    }
    return copy_between(*in, in_at, *out, out_at, std::min(bytes, most_moved), false);
}

Result<Word> splice(int in_fd, VirtAddr in_at, int out_fd, VirtAddr out_at, Word bytes,
                    std::uint32_t flags) {
    if (flags & ~(splice_move | splice_nonblock | splice_more | splice_gift)) return Errc::invalid;
    if (bytes == 0) return Word{0};
    FileRef in = file_at(in_fd);
    FileRef out = file_at(out_fd);
    if (!in || !out || !in->is_readable() || !out->is_writable()) return Errc::bad_descriptor;
    const bool from_pipe = is_pipe(*in), to_pipe = is_pipe(*out);
    if (!from_pipe && !to_pipe) return Errc::invalid;
    if ((from_pipe && raw(in_at) != 0) || (to_pipe && raw(out_at) != 0)) return Errc::illegal_seek;
    if (from_pipe && to_pipe && &in->inode() == &out->inode()) return Errc::invalid;
    if (from_pipe && out->is_append()) return Errc::invalid; // where to is not its to say
    if (!from_pipe && !in->inode().is_regular() && to_pipe) {
        // A stream: what was read cannot be put back, so only what the pipe can take is read.
        const std::size_t room = TRY(wait_writable(*out, (flags & splice_nonblock) != 0));
        bytes = std::min<Word>({bytes, room, page_size});
    }
    if (!from_pipe && in->inode().is_regular() && to_pipe)
        bytes = std::min<Word>(bytes, TRY(wait_writable(*out, (flags & splice_nonblock) != 0)));
    return copy_between(*in, in_at, *out, out_at, std::min(bytes, most_moved),
                        (flags & splice_nonblock) != 0);
}

Result<Word> tee(int in_fd, int out_fd, Word bytes, std::uint32_t flags) {
    if (flags & ~(splice_move | splice_nonblock | splice_more | splice_gift)) return Errc::invalid;
    FileRef in = file_at(in_fd);
    FileRef out = file_at(out_fd);
    if (!in || !out || !in->is_readable() || !out->is_writable()) return Errc::bad_descriptor;
    if (!is_pipe(*in) || !is_pipe(*out) || &in->inode() == &out->inode()) return Errc::invalid;
    if (bytes == 0) return Word{0};
    const bool nonblocking = (flags & splice_nonblock) != 0;
    TRY(wait_readable(*in, nonblocking));
    const std::size_t room = TRY(wait_writable(*out, nonblocking));
    Page page = TRY(Page::get());
    bytes = std::min<Word>(bytes, room);
    Word moved = 0;
    while (moved < bytes) {
        const std::size_t got =
            TRY(peek_pipe(*in, page.bytes(), std::min<Word>(page_size, bytes - moved), moved));
        if (got == 0) break;
        IoBuffer from = IoBuffer::kernel(page.bytes(), got);
        const Result<std::size_t> put = out->write(from);
        if (!put.ok()) return moved ? Result<Word>(moved) : raise_for(put.error());
        moved += put.value();
        if (put.value() != got) break;
    }
    return moved;
}

Result<Word> vmsplice(int fd, VirtAddr vectors_at, Word count, std::uint32_t flags) {
    if (flags & ~(splice_move | splice_nonblock | splice_more | splice_gift)) return Errc::invalid;
    FileRef file = file_at(fd);
    if (!file || !is_pipe(*file)) return Errc::bad_descriptor;
    Vectors vectors;
    TRY(vectors.read(vectors_at, static_cast<std::int64_t>(count)));
    if (file->is_writable()) {
        IoBuffer buffer = vectors.buffer();
        if (buffer.size() == 0) return Word{0};
        // Waits for room once; a pipe that is full then ends the call with a short count.
        const Result<std::size_t> room = wait_writable(*file, (flags & splice_nonblock) != 0);
        if (!room.ok()) return raise_for(room.error());
        buffer.limit(std::min(buffer.size(), room.value()));
        const Result<std::size_t> moved = file->write(buffer);
        if (!moved.ok()) return raise_for(moved.error());
        return moved;
    }
    if (flags & splice_nonblock) TRY(wait_readable(*file, true));
    IoBuffer buffer = vectors.buffer();
    return file->read(buffer);
}

} // namespace drupe::syscall
