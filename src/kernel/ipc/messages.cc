// SPDX-License-Identifier: BSD-2-Clause
// [linux] ipc/msg.c.
#include <drupe/ipc/messages.h>

#include <drupe/base/relaxed.h>
#include <drupe/process/process.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace drupe::ipc {

constinit MessageLimits message_limits{{8192}, {16384}, {32000}};

namespace {

constinit Relaxed<std::uint64_t> total_messages{0}, total_bytes{0};

class ChannelMaker final : public ObjectTable::Maker {
public:
    Result<RefPtr<Object>> make(Key key, std::uint32_t flags) override {
        return RefPtr<Object>(TRY(make_ref<MessageChannel>(key, flags)));
    }
    Result<void> check(const Object&) override { return {}; }
};

RefPtr<MessageChannel> as_channel(RefPtr<Object> object) {
    return RefPtr<MessageChannel>::adopt(static_cast<MessageChannel*>(object.leak()));
}

} // namespace

Result<TypedMessage*> TypedMessage::create(std::int64_t type, std::size_t size) {
    void* memory = ::operator new(sizeof(TypedMessage) + size, std::nothrow);
    if (!memory) return Errc::no_memory;
    auto* message = new (memory) TypedMessage;
    message->type = type;
    message->size = size;
    return message;
}

void TypedMessage::destroy(TypedMessage* message) {
    message->~TypedMessage();
    ::operator delete(message);
}

bool Selection::accepts(const TypedMessage& message) const {
    switch (how) {
    case How::any:
    case How::by_number: return true;
    case How::equal: return message.type == type;
    case How::not_equal: return message.type != type;
    case How::at_most: return message.type <= type;
    }
    return false;
}

MessageChannel::MessageChannel(Key k, std::uint32_t flags)
    : Object(k, flags), most_bytes_(message_limits.queue_bytes.load()) {}

MessageChannel::~MessageChannel() {
    while (TypedMessage* message = messages_.pop_front()) TypedMessage::destroy(message);
    total_messages.fetch_sub(count_);
    total_bytes.fetch_sub(bytes_);
}

MessageChannel::Status MessageChannel::status() const {
    return {sent_, received_, bytes_, count_, most_bytes_, last_sender_, last_receiver_};
}

Result<void> MessageChannel::set_most_bytes(std::uint64_t bytes) {
    if (bytes > message_limits.queue_bytes &&
        !process::current_process().credentials.is_privileged())
        return Errc::not_permitted;
    most_bytes_ = bytes;
    return {};
}

bool MessageChannel::has_room(std::size_t size) const {
    return bytes_ + size <= most_bytes_ && count_ + 1 <= most_bytes_;
}

void MessageChannel::finish(Receiver& receiver, Errc outcome, TypedMessage* message) {
    receivers_.remove(receiver);
    receiver.outcome = outcome;
    receiver.message = message;
    receiver.done.store(true, std::memory_order_relaxed);
    // It stays until its thread has had the mutex, which brings the rest.
    receiver.woken.wake_one();
}

// To the first that waits for its like; those with too small a room fail on the way.
bool MessageChannel::hand_over(TypedMessage& message) {
    for (Receiver* next = receivers_.front(); next;) {
        Receiver& receiver = *next;
        next = receivers_.next(receiver);
        if (!receiver.wanted.accepts(message)) continue;
        if (!receiver.wanted.fits(message)) {
            finish(receiver, Errc::too_big, nullptr);
            continue;
        }
        last_receiver_ = receiver.tid; // the thread's, as in Linux; who does not wait: its process
        received_ = seconds_now();
        finish(receiver, Errc::ok, &message);
        return true;
    }
    return false;
}

Result<void> MessageChannel::send(TypedMessage& message, Waiting waiting) {
    for (;;) {
        {
            sched::MutexGuard guard(mutex);
            TRY(check_access(want_write));
            if (is_removed) return Errc::removed;
            if (has_room(message.size)) {
                last_sender_ = caller_pid();
                sent_ = seconds_now();
                if (hand_over(message)) return {};
                messages_.push_back(message);
                bytes_ += message.size;
                count_ += 1;
                total_messages += 1;
                total_bytes += message.size;
                return {};
            }
        }
        if (waiting == Waiting::no) return Errc::would_block;
        const Result<void> waited =
            room_.wait_until([&] { return is_gone_ || has_room(message.size); });
        if (!waited.ok()) return Errc::restart_no_handler;
    }
}

TypedMessage* MessageChannel::find(const Selection& wanted) {
    TypedMessage* found = nullptr;
    std::int64_t number = 0;
    for (TypedMessage& message : messages_) {
        if (!wanted.accepts(message)) continue;
        if (wanted.how == Selection::How::by_number) {
            if (number++ == wanted.type) return &message;
        } else if (wanted.how != Selection::How::at_most) {
            return &message;
        } else if (!found || message.type < found->type) {
            found = &message;
        }
    }
    return found;
}

Result<TypedMessage*> MessageChannel::copy(TypedMessage& message, const Selection& wanted) {
    if (message.size > wanted.room) return Errc::invalid;
    TypedMessage* twin = TRY(TypedMessage::create(message.type, message.size));
    std::memcpy(twin->bytes(), message.bytes(), message.size);
    return twin;
}

// no_message: none that is wanted.
Result<TypedMessage*> MessageChannel::take(const Selection& wanted) {
    TypedMessage* message = find(wanted);
    if (!message) return Errc::no_message;
    if (!wanted.fits(*message)) return Errc::too_big;
    if (wanted.how == Selection::How::by_number) return copy(*message, wanted);
    messages_.remove(*message);
    bytes_ -= message->size;
    count_ -= 1;
    total_messages -= 1;
    total_bytes -= message->size;
    received_ = seconds_now();
    last_receiver_ = caller_pid();
    room_.wake_all();
    return message;
}

Result<TypedMessage*> MessageChannel::receive(const Selection& wanted, Waiting waiting) {
    Receiver receiver{
        .wanted = wanted, .tid = process::current_user().tid, .hook = {}, .woken = {}};
    {
        sched::MutexGuard guard(mutex);
        TRY(check_access(want_read));
        if (is_removed) return Errc::removed;
        Result<TypedMessage*> message = take(wanted);
        if (message.ok() || message.error() != Errc::no_message || waiting == Waiting::no)
            return message;
        receivers_.push_back(receiver);
    }
    return wait(receiver);
}

Result<TypedMessage*> MessageChannel::wait(Receiver& receiver) {
    (void)receiver.woken.wait_until([&] { return receiver.done.load(std::memory_order_relaxed); })
        .ok();
    sched::MutexGuard guard(mutex); // whoever finished it has let go of it now
    if (receiver.done.load(std::memory_order_relaxed)) {
        if (receiver.outcome != Errc::ok) return receiver.outcome;
        return receiver.message;
    }
    receivers_.remove(receiver);
    return Errc::restart_no_handler;
}

Result<void> MessageChannel::remove() {
    {
        sched::MutexGuard guard(mutex);
        TRY(check_owner());
        if (is_removed) return Errc::removed;
        is_removed = true;
        while (Receiver* receiver = receivers_.front()) finish(*receiver, Errc::removed, nullptr);
    }
    is_gone_ = true;
    room_.wake_all();
    TRY(table_of<MessageChannel>())->remove(*this);
    return {};
}

Result<int> get_channel(Key key, std::uint32_t flags) {
    ChannelMaker maker;
    return TRY(table_of<MessageChannel>())->get(key, flags, message_limits.queues, maker);
}

Result<RefPtr<MessageChannel>> find_channel(int id) {
    return as_channel(TRY(TRY(table_of<MessageChannel>())->find(id)));
}

Result<RefPtr<MessageChannel>> channel_at(int index) {
    return as_channel(TRY(TRY(table_of<MessageChannel>())->at_index(index)));
}

RefPtr<MessageChannel> next_channel(std::uint32_t& index) {
    const Result<ObjectTable*> table = table_of<MessageChannel>();
    return table.ok() ? as_channel(table.value()->next(index)) : nullptr;
}

MessageUse message_use() {
    const Result<ObjectTable*> table = table_of<MessageChannel>();
    if (!table.ok()) return {};
    return {table.value()->count(), table.value()->highest_index(), total_messages, total_bytes};
}

} // namespace drupe::ipc
