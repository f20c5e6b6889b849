// SPDX-License-Identifier: BSD-2-Clause
// Looking into a pipe without taking, for splice and tee.
#include "pipe_internal.h"

namespace drupe::vfs {
namespace {
Pipe& pipe_of(File& file) { return static_cast<PipeEnd&>(file).pipe(); }
} // namespace

Result<std::size_t> peek_pipe(File& file, void* to, std::size_t bytes, std::size_t skip) {
    Pipe& pipe = pipe_of(file);
    sched::MutexGuard guard(pipe.mutex_);
    IoBuffer buffer = IoBuffer::kernel(to, bytes);
    return pipe.peek(buffer, skip);
}

void consume_pipe(File& file, std::size_t bytes) {
    Pipe& pipe = pipe_of(file);
    {
        sched::MutexGuard guard(pipe.mutex_);
        // Another reader may have been faster; what is gone is gone.
        pipe.discard(std::min(bytes, pipe.used()));
    }
    pipe.writable_.wake_all();
    pipe.async_writers_.tell(AsyncEvent::out);
}

Result<void> wait_readable(File& file, bool nonblocking) {
    Pipe& pipe = pipe_of(file);
    if (pipe.used() != 0 || pipe.has_ended()) return {};
    if (nonblocking || file.is_nonblocking()) return Errc::would_block;
    return pipe.readable_.wait_until([&] { return pipe.used() != 0 || pipe.has_ended(); });
}

Result<std::size_t> wait_writable(File& file, bool nonblocking) {
    Pipe& pipe = pipe_of(file);
    for (;;) {
        if (pipe.is_broken()) return Errc::broken_pipe;
        if (const std::size_t room = pipe.space()) return room;
        if (nonblocking || file.is_nonblocking()) return Errc::would_block;
        TRY(pipe.writable_.wait_until([&] { return pipe.space() != 0 || pipe.is_broken(); }));
    }
}

} // namespace drupe::vfs
