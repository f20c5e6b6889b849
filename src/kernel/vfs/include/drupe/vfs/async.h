// SPDX-License-Identifier: BSD-2-Clause
// Files that tell their owners by a signal when something becomes possible (O_ASYNC). Whom and how
// is the caller's who asks for it; a room only says what happened to its objects.
#pragma once

#include <drupe/base/result.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>
#include <cstdint>

namespace drupe::vfs {

class File;

/// What happened, as siginfo's code says it. [linux] uapi/asm-generic/siginfo.h
enum class AsyncEvent : std::uint8_t { in = 1, out, message, error, priority, hang_up };

/// Who is told, and who asks for that.
struct AsyncRequest {
    int fd; // the signal names it
    void (*tell)(const File& file, int fd, AsyncEvent event);
    std::int32_t pid; // the running process
    std::uint32_t uid, euid;
};

/// The files that want to hear of one object's events. Context of all: thread, no lock of rank
/// `async_files` or lower held.
class AsyncFiles {
public:
    ~AsyncFiles();
    /// Nobody listening costs one load.
    void tell(AsyncEvent event) {
        // Who begins to listen now may miss it. A hint, so relaxed; the list is read under the
        // lock.
        if (first_.load(std::memory_order_relaxed)) [[unlikely]]
            tell_all(event);
    }
    bool has_any() const { return first_.load(std::memory_order_relaxed) != nullptr; }
    /// The file listens, or (null) does no longer. no_memory.
    Result<void> set(File& file, const AsyncRequest* request);
    /// Before the file goes.
    void remove(File& file) {
        if (has_any()) [[unlikely]]
            (void)set(file, nullptr).ok();
    }

private:
    struct Entry;
    [[gnu::cold]] void tell_all(AsyncEvent event);
    SpinLock<LockRank::async_files> lock_;
    std::atomic<Entry*> first_{nullptr}; // the list changes under the lock
};

} // namespace drupe::vfs
