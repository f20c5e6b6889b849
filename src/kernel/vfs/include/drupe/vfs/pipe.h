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
/// bad_descriptor when it is no pipe.
Result<std::size_t> pipe_capacity(File& file);
/// The new capacity, rounded up. busy: more than that is in it; no_memory.
Result<std::size_t> set_pipe_capacity(File& file, std::size_t bytes);

} // namespace drupe::vfs
