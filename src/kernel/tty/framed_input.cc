// SPDX-License-Identifier: BSD-2-Clause
#include "framed_input.h"

#include <drupe/arch/user_access.h>

#include <algorithm>

namespace drupe::tty {

std::size_t FramedInput::receive(std::string_view bytes) {
    sched::MutexGuard guard(mutex_);
    std::size_t taken = 0;
    while (taken < bytes.size()) {
        const std::uint32_t at = head_ % capacity;
        const std::uint32_t room = std::min(capacity - (head_ - tail_), capacity - at);
        const FrameDecoder::Step step =
            decoder_.decode(bytes.substr(taken), std::span(ring_ + at, room));
        taken += step.taken;
        head_ += static_cast<std::uint32_t>(step.given);
        if (step.taken == 0 && step.given == 0) break; // no room
    }
    publish_locked();
    return taken;
}

void FramedInput::publish_locked() {
    const bool ready = head_ != tail_ || decoder_.is_at_end();
    is_ready_.store(ready, std::memory_order_relaxed);
    if (ready) readable_.wake_all();
}

Result<std::size_t> FramedInput::take_locked(vfs::IoBuffer& buffer) {
    std::size_t moved = 0;
    while (head_ != tail_ && buffer.size() != 0) {
        const std::uint32_t at = tail_ % capacity;
        const std::size_t piece =
            std::min<std::size_t>({head_ - tail_, capacity - at, buffer.size()});
        const Result<std::size_t> put = buffer.put(ring_ + at, piece);
        if (!put.ok()) return moved != 0 ? Result<std::size_t>(moved) : put;
        tail_ += static_cast<std::uint32_t>(put.value());
        moved += put.value();
        if (put.value() != piece) break;
    }
    if (moved != 0 && pump_) pump_->notify();
    return moved;
}

Result<std::size_t> FramedInput::read(vfs::IoBuffer& buffer, bool nonblocking) {
    if (buffer.size() == 0) return std::size_t{0};
    for (;;) {
        {
            sched::MutexGuard guard(mutex_);
            const Result<std::size_t> moved = take_locked(buffer);
            publish_locked();
            if (!moved.ok() || moved.value() != 0 || decoder_.is_at_end()) return moved;
        }
        if (nonblocking) return Errc::would_block;
        TRY(readable_.wait_until([this] { return is_ready_.load(std::memory_order_relaxed); }));
    }
}

std::uint32_t FramedInput::poll(vfs::PollWatcher* watcher) {
    if (watcher) watcher->watch(readable_);
    sched::MutexGuard guard(mutex_);
    std::uint32_t events = head_ != tail_ ? vfs::poll_in | vfs::poll_rdnorm : 0u;
    if (decoder_.is_at_end()) events |= vfs::poll_hup;
    return events;
}

std::size_t FramedInput::readable_bytes() {
    sched::MutexGuard guard(mutex_);
    return head_ - tail_;
}

Result<std::uint64_t> FramedFile::ioctl(std::uint32_t request, std::uint64_t argument) {
    constexpr std::uint32_t fionread = 0x541b;
    if (request != fionread) return Errc::not_terminal;
    TRY(arch::put_user(VirtAddr{argument}, static_cast<std::int32_t>(input_.readable_bytes())));
    return std::uint64_t{0};
}

} // namespace drupe::tty
