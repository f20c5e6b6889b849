// SPDX-License-Identifier: BSD-2-Clause
// The ring of a pipe and its ends. Private to this room.
#pragma once

#include <drupe/arch/user_access.h>
#include <drupe/sched/mutex.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/vfs/pipe.h>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace drupe::vfs {

class Pipe : public RefCounted<Pipe> {
public:
    static constexpr std::size_t atomic_bytes = 4096; // PIPE_BUF

    Pipe() = default;
    ~Pipe();
    static void destroy(Pipe* pipe) { delete pipe; }

    std::size_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
    /// Rounded up to a power of two of pages. busy: more is in it.
    Result<void> set_capacity(std::size_t bytes);
    std::size_t used() const { return used_.load(std::memory_order_relaxed); }
    std::size_t space() const { return capacity() - used(); }

    /// Puts `bytes` in; there is space. Bytes moved, or why none were.
    Result<std::size_t> fill(IoBuffer& from, std::size_t bytes) REQUIRES(mutex_);
    Result<std::size_t> drain(IoBuffer& to) REQUIRES(mutex_);
    /// Copies bytes out, `skip` bytes from the front; they stay.
    Result<std::size_t> peek(IoBuffer& to, std::size_t skip) REQUIRES(mutex_);
    void discard(std::size_t bytes) REQUIRES(mutex_);

    /// No writer is left. Whoever looks afterwards finds what they wrote: pairs with the release in
    /// ~PipeEnd().
    bool has_ended() const { return writers_.load(std::memory_order_acquire) == 0; }
    bool is_broken() const { return readers_.load(std::memory_order_relaxed) == 0; }

    sched::Mutex mutex_;
    sched::WaitQueue readable_, writable_;
    AsyncFiles async_readers_, async_writers_;
    std::atomic<std::uint32_t> readers_{0}, writers_{0};
    std::atomic<std::uint32_t> readers_ever_{0}, writers_ever_{0};
    std::atomic<std::uint32_t> ends_{0}; // changed under the inode's mutex

private:
    static constexpr std::size_t first_slots = 16;
    std::size_t slots() const { return capacity() >> page_shift; }
    std::size_t slot_of(std::uint64_t position) const {
        return (position >> page_shift) & (slots() - 1);
    }
    Result<std::size_t> fill_pages(IoBuffer& from, std::size_t bytes) REQUIRES(mutex_);
    Result<std::size_t> drain_pages(IoBuffer& to) REQUIRES(mutex_);
    Result<char*> page_at(std::uint64_t position) REQUIRES(mutex_);
    void drop_page(std::uint64_t position) REQUIRES(mutex_);

    std::atomic<std::size_t> capacity_{first_slots << page_shift};
    std::atomic<std::size_t> used_{0};
    // Positions of the first byte and behind the last.
    std::uint64_t head_ GUARDED_BY(mutex_) = 0, tail_ GUARDED_BY(mutex_) = 0;
    char** pages_ GUARDED_BY(mutex_) = first_pages_;
    char* first_pages_[first_slots] GUARDED_BY(mutex_) = {};
};

class PipeEnd final : public File {
public:
    PipeEnd(Dentry& dentry, std::uint32_t flags, RefPtr<Pipe> pipe);
    ~PipeEnd() override;
    Result<std::size_t> read(IoBuffer& buffer) override;
    Result<std::size_t> write(IoBuffer& buffer) override;
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument) override;
    std::uint32_t poll(PollWatcher* watcher) override;
    bool can_poll() const override { return true; }
    Result<void> set_async(const AsyncRequest* request) override;
    Result<void> wait_for_peer();
    Pipe& pipe() { return *pipe_; }

private:
    /// false: there will be none. would_block, restart.
    [[gnu::noinline]] Result<bool> wait_for_bytes();
    [[gnu::noinline]] Result<void> wait_for_space(std::size_t needed);
    Result<std::size_t> write_some(IoBuffer& buffer, std::size_t needed);
    [[gnu::noinline]] Result<std::size_t> write_rest(IoBuffer& buffer, std::size_t total,
                                                     std::size_t needed);

    RefPtr<Pipe> pipe_;
    std::uint32_t writers_at_open_ = 0;
};

} // namespace drupe::vfs
