// SPDX-License-Identifier: BSD-2-Clause
// Message queues of System V: messages with a type, received in the order of their sending, or only
// those of some types. Who sends hands a message to a receiver that waits for its like.
#pragma once

#include <drupe/base/relaxed.h>
#include <drupe/ipc/object.h>
#include <drupe/sched/wait_queue.h>

#include <atomic>
#include <cstdint>

namespace drupe::ipc {

/// kernel.msgmax (bytes of one message), kernel.msgmnb (of a queue), kernel.msgmni (queues).
struct MessageLimits {
    Relaxed<std::uint32_t> message_bytes, queue_bytes, queues;
};
extern MessageLimits message_limits;

/// Its bytes follow the object.
struct TypedMessage {
    /// no_memory.
    static Result<TypedMessage*> create(std::int64_t type, std::size_t size);
    static void destroy(TypedMessage* message);
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    ListHook hook;
    std::int64_t type;
    std::size_t size;
};

/// Which message is wanted.
struct Selection {
    enum class How : std::uint8_t { any, equal, not_equal, at_most, by_number };
    How how = How::any;
    std::int64_t type = 0; // by_number: its place in the queue; the message stays there
    std::size_t room = 0;  // of the receiver
    bool may_cut = false;  // MSG_NOERROR: what does not fit into the room is lost
    bool accepts(const TypedMessage& message) const;
    bool fits(const TypedMessage& message) const { return may_cut || message.size <= room; }
};

enum class Waiting : std::uint8_t { yes, no };

class MessageChannel final : public Object {
public:
    MessageChannel(Key key, std::uint32_t flags);
    ~MessageChannel() override;

    struct Status {
        std::int64_t sent, received;
        std::uint64_t bytes, messages, most_bytes;
        std::int32_t last_sender, last_receiver;
    };
    Status status() const REQUIRES(mutex);
    /// not_permitted: beyond the limit. What waits is looked after by settle().
    Result<void> set_most_bytes(std::uint64_t bytes) REQUIRES(mutex);
    /// Senders look again.
    void settle() { room_.wake_all(); }

    /// Takes the message over, but on an error. access, removed, would_block,
    /// restart_no_handler.
    Result<void> send(TypedMessage& message, Waiting waiting);
    /// The message is the caller's. access, removed, no_message, too_big, restart_no_handler,
    /// no_memory and invalid (by_number only: too small a room).
    Result<TypedMessage*> receive(const Selection& wanted, Waiting waiting);
    /// not_permitted, removed.
    Result<void> remove();

private:
    /// Somebody who waits, on his stack. All but `done` under the mutex.
    struct Receiver {
        const Selection& wanted;
        std::int32_t tid;
        ListHook hook;
        Errc outcome = Errc::ok; // with `done`
        TypedMessage* message = nullptr;
        std::atomic<bool> done{false};
        sched::WaitQueue woken;
    };
    bool has_room(std::size_t size) const;
    bool hand_over(TypedMessage& message) REQUIRES(mutex);
    void finish(Receiver& receiver, Errc outcome, TypedMessage* message) REQUIRES(mutex);
    TypedMessage* find(const Selection& wanted) REQUIRES(mutex);
    Result<TypedMessage*> take(const Selection& wanted) REQUIRES(mutex);
    Result<TypedMessage*> copy(TypedMessage& message, const Selection& wanted) REQUIRES(mutex);
    Result<TypedMessage*> wait(Receiver& receiver);

    IntrusiveList<TypedMessage, &TypedMessage::hook> messages_ GUARDED_BY(mutex);
    IntrusiveList<Receiver, &Receiver::hook> receivers_ GUARDED_BY(mutex);
    // Written under the mutex; who waits for room reads them without.
    Relaxed<std::uint64_t> bytes_{0}, count_{0}, most_bytes_;
    Relaxed<bool> is_gone_{false};
    sched::WaitQueue room_; // senders
    std::int64_t sent_ GUARDED_BY(mutex) = 0, received_ GUARDED_BY(mutex) = 0;
    std::int32_t last_sender_ GUARDED_BY(mutex) = 0, last_receiver_ GUARDED_BY(mutex) = 0;
};

/// exists, not_found, access, no_space, no_memory.
Result<int> get_channel(Key key, std::uint32_t flags);
/// invalid: no such queue.
Result<RefPtr<MessageChannel>> find_channel(int id);
Result<RefPtr<MessageChannel>> channel_at(int index);
RefPtr<MessageChannel> next_channel(std::uint32_t& index);
struct MessageUse {
    std::uint32_t queues;
    int highest_index;
    std::uint64_t messages, bytes;
};
MessageUse message_use();

} // namespace drupe::ipc
