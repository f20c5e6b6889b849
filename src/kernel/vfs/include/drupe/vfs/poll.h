// SPDX-License-Identifier: BSD-2-Clause
// How poll, select and epoll learn that a file became ready: the file tells a watcher which wait
// queues to sit on, and answers with what is ready now. A file may have several queues.
#pragma once

#include <drupe/sched/wait_queue.h>

#include <cstdint>

namespace drupe::vfs {

/// Linux's poll bits, the same on every architecture.
enum PollEvents : std::uint32_t {
    poll_in = 1,
    poll_pri = 2,
    poll_out = 4,
    poll_err = 8,
    poll_hup = 0x10,
    poll_invalid = 0x20,
    poll_rdnorm = 0x40,
    poll_rdband = 0x80,
    poll_wrnorm = 0x100,
    poll_wrband = 0x200,
    poll_rdhup = 0x2000,
};

class PollWatcher {
public:
    /// Puts a waiter of the watcher's own on `queue`. The queue must live as long as the file.
    /// Called from File::poll, BEFORE the file looks at its state, so that no change is missed.
    virtual void watch(sched::WaitQueue& queue) = 0;

protected:
    ~PollWatcher() = default;
};

} // namespace drupe::vfs
