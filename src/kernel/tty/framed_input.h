// SPDX-License-Identifier: BSD-2-Clause
// Framed input, decoded into a ring that files read from.
#pragma once

#include <drupe/sched/mutex.h>
#include <drupe/tty/framing.h>
#include <drupe/tty/input_pump.h>
#include <drupe/vfs/file.h>

namespace drupe::tty {

class FramedInput final : public InputReceiver {
public:
    std::size_t receive(std::string_view bytes) override;
    Result<std::size_t> read(vfs::IoBuffer& buffer, bool nonblocking);
    std::uint32_t poll(vfs::PollWatcher* watcher);
    std::size_t readable_bytes();
    void set_pump(InputPump& pump) { pump_ = &pump; }

private:
    static constexpr std::uint32_t capacity = 4096;
    void publish_locked() REQUIRES(mutex_);
    Result<std::size_t> take_locked(vfs::IoBuffer& buffer) REQUIRES(mutex_);

    sched::Mutex mutex_;
    FrameDecoder decoder_ GUARDED_BY(mutex_);
    char ring_[capacity] GUARDED_BY(mutex_);
    std::uint32_t head_ GUARDED_BY(mutex_) = 0; // count up for ever: written,
    std::uint32_t tail_ GUARDED_BY(mutex_) = 0; // read
    std::atomic<bool> is_ready_{false};         // bytes or the end
    sched::WaitQueue readable_;
    InputPump* pump_ = nullptr;
};

class FramedFile final : public vfs::File {
public:
    FramedFile(vfs::Dentry& dentry, std::uint32_t flags, FramedInput& input)
        : File(dentry, flags), input_(input) {}
    Result<std::size_t> read(vfs::IoBuffer& buffer) override {
        return input_.read(buffer, is_nonblocking());
    }
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument) override;
    std::uint32_t poll(vfs::PollWatcher* watcher) override { return input_.poll(watcher); }
    bool can_poll() const override { return true; }

private:
    FramedInput& input_;
};

} // namespace drupe::tty
