// SPDX-License-Identifier: BSD-2-Clause
// Pipes and FIFOs: bytes between two ends, kept in pages that come and go with what is in them.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/vfs/file.h>

#include <cstdint>

namespace drupe::vfs {

struct PipeEnds {
    RefPtr<File> read_end, write_end;
};
/// flags: open_nonblock.
Result<PipeEnds> create_pipe(std::uint32_t flags);

/// Opens a named pipe. Waits for the other end unless non-blocking; no_device when a non-blocking
/// writer finds no reader; restart.
Result<RefPtr<File>> open_fifo(Dentry& dentry, std::uint32_t flags);

bool is_pipe(File& file);
// For splice and tee; `file` is a pipe.
/// Copies bytes out that stay in the pipe, `skip` bytes from its front. 0: there are no more.
Result<std::size_t> peek_pipe(File& file, void* to, std::size_t bytes, std::size_t skip);
/// Takes the first bytes away.
void consume_pipe(File& file, std::size_t bytes);
/// Waits until there is something to read, or no writer. would_block, restart.
Result<void> wait_readable(File& file, bool nonblocking);
/// Waits until there is room, and says how much. would_block, broken_pipe, restart.
Result<std::size_t> wait_writable(File& file, bool nonblocking);
/// bad_descriptor when it is no pipe.
Result<std::size_t> pipe_capacity(File& file);
/// The new capacity, rounded up. busy: more than that is in it; no_memory.
Result<std::size_t> set_pipe_capacity(File& file, std::size_t bytes);

} // namespace drupe::vfs
