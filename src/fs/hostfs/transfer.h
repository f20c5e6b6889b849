// SPDX-License-Identifier: BSD-2-Clause
// One message to a server and its answer, whatever they say: memory for both, and waiting.
#pragma once

#include <drupe/mm/frames.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/share/device.h>
#include <drupe/sync/spin_lock.h>

#include <cstddef>
#include <span>

namespace drupe::hostfs {

inline share::Piece piece_of(std::span<std::byte> room) {
    return {mm::virt_to_phys(room.data()), static_cast<std::uint32_t>(room.size())};
}
inline std::uint32_t bytes_of(std::span<const share::Piece> pieces) {
    std::uint32_t bytes = 0;
    for (const share::Piece& piece : pieces) bytes += piece.bytes;
    return bytes;
}

/// Where a session waits. Woken with the lock held: whoever has seen the last answer, with the
/// lock, may end the session.
struct Answers {
    SpinLock<LockRank::device_queue> lock;
    sched::WaitQueue changed;
};

class Transfer : public share::Exchange {
public:
    Transfer(share::Device& device, Answers& answers) : device_(device), answers_(answers) {}

    /// The pieces, and what they name, are the device's until the answer is there.
    void send(std::span<const share::Piece> to_server, std::span<const share::Piece> from_server);
    /// Until the answer is there. False: a signal came first, and it is still to come.
    bool wait(sched::Interruptible how);

private:
    static void arrived(share::Exchange& exchange);
    share::Device& device_;
    Answers& answers_;
    bool is_answered_ GUARDED_BY(answers_.lock) = false;
};

/// A request with data behind it, and room for the answer with data behind that, as the device
/// takes them.
class MessagePieces {
public:
    /// `most`: pieces that the device takes. too_big.
    Result<void> gather(std::span<std::byte> request, std::span<const share::Piece> data,
                        std::span<std::byte> reply, std::span<const share::Piece> room,
                        std::uint32_t most);
    std::span<const share::Piece> out() const { return {pieces_, readable_}; }
    std::span<const share::Piece> in() const { return {pieces_ + readable_, count_ - readable_}; }

private:
    static constexpr std::size_t capacity = 40;
    void add(std::span<std::byte> message, std::span<const share::Piece> data);
    share::Piece pieces_[capacity];
    std::size_t readable_ = 0, count_ = 0;
};

/// Memory for a request, its answer, and another exchange about it.
class MessageRoom {
public:
    enum class Size : std::uint8_t { small, large }; // large: a path fits into either message
    explicit MessageRoom(Size size);
    ~MessageRoom();
    MessageRoom(const MessageRoom&) = delete;
    MessageRoom& operator=(const MessageRoom&) = delete;

    bool is_there() const { return memory_ != nullptr; }
    std::span<std::byte> request() const { return {memory_, half() - 2 * aside_bytes}; }
    std::span<std::byte> reply() const { return {memory_ + half(), half()}; }
    std::span<std::byte> aside_request() const {
        return {memory_ + half() - 2 * aside_bytes, aside_bytes};
    }
    std::span<std::byte> aside_reply() const {
        return {memory_ + half() - aside_bytes, aside_bytes};
    }

private:
    static constexpr std::size_t aside_bytes = 64;
    unsigned order() const { return size_ == Size::small ? 0 : 2; }
    std::size_t half() const { return (page_size << order()) / 2; }
    std::byte* memory_ = nullptr;
    const Size size_;
};

} // namespace drupe::hostfs
