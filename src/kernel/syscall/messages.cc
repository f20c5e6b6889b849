// SPDX-License-Identifier: BSD-2-Clause
// msgget and its family. [linux] ipc/msg.c, uapi/linux/msg.h, uapi/asm-generic/msgbuf.h
#include "ipc_call.h"

#include <drupe/ipc/messages.h>
#include <drupe/syscall/handlers.h>

#include <algorithm>

namespace drupe::syscall {

using Word = std::uint64_t;
using ipc::MessageChannel;
using ipc::TypedMessage;

namespace {

enum Command : int { channel_status_at = 11, channel_info = 12, channel_status_of_any = 13 };
enum ReceiveFlag : std::uint32_t {
    receive_cut = 010000,    // MSG_NOERROR
    receive_except = 020000, // MSG_EXCEPT
    receive_copy = 040000,   // MSG_COPY
};

struct UserStatus { // struct msqid64_ds
    UserIpcOwner owner;
    std::int64_t sent_at, received_at, changed_at;
    std::uint64_t bytes, messages, most_bytes;
    std::int32_t last_sender, last_receiver;
    std::uint64_t unused[2];
};
static_assert(sizeof(UserStatus) == 120);

Result<Word> put_info(VirtAddr to, bool use_instead) {
    struct UserInfo { // struct msginfo
        std::int32_t pool, map, most, queue_bytes, queues, segment_bytes, headers;
        std::uint16_t segments, rest;
    };
    const ipc::MessageLimits& limits = ipc::message_limits;
    const ipc::MessageUse use = ipc::message_use();
    const auto number = [](std::uint64_t n) {
        return static_cast<std::int32_t>(std::min<std::uint64_t>(n, INT32_MAX));
    };
    const std::int32_t queue_bytes = number(limits.queue_bytes);
    // What is not a limit here either is what Linux says.
    UserInfo info{.pool = number(std::uint64_t{32000} * 16384 / 1024),
                  .map = 16384,
                  .most = number(limits.message_bytes),
                  .queue_bytes = queue_bytes,
                  .queues = number(limits.queues),
                  .segment_bytes = 16,
                  .headers = 16384,
                  .segments = 0xffff,
                  .rest = 0};
    if (use_instead) {
        info.pool = number(use.queues);
        info.map = number(use.messages);
        info.headers = number(use.bytes);
    }
    TRY(arch::put_user(to, info));
    return static_cast<Word>(use.highest_index);
}

Result<Word> put_status(MessageChannel& channel, VirtAddr to, std::uint32_t wanted, Word result) {
    UserStatus status{};
    {
        sched::MutexGuard guard(channel.mutex);
        TRY(channel.check_access(wanted));
        if (channel.is_removed) return Errc::removed;
        const MessageChannel::Status now = channel.status();
        status = {owner_of(channel), now.sent,       now.received,    channel.changed,   now.bytes,
                  now.messages,      now.most_bytes, now.last_sender, now.last_receiver, {}};
    }
    TRY(arch::put_user(to, status));
    return result;
}

Result<Word> set(MessageChannel& channel, const UserStatus& given) {
    {
        sched::MutexGuard guard(channel.mutex);
        TRY(channel.check_owner());
        if (channel.is_removed) return Errc::removed;
        TRY(channel.set_most_bytes(given.most_bytes));
        channel.set_owner(new_owner(given.owner));
    }
    channel.settle();
    return Word{0};
}

Result<ipc::Selection> selection(std::int64_t type, std::uint32_t flags, std::size_t room) {
    using How = ipc::Selection::How;
    ipc::Selection wanted{
        .how = How::equal, .type = type, .room = room, .may_cut = (flags & receive_cut) != 0};
    if (flags & receive_copy) {
        if ((flags & receive_except) || !(flags & ipc_no_wait)) return Errc::invalid;
        wanted.how = How::by_number;
    } else if (type == 0) {
        wanted.how = How::any;
    } else if (type < 0) {
        wanted.how = How::at_most;
        wanted.type = type == INT64_MIN ? INT64_MAX : -type;
    } else if (flags & receive_except) {
        wanted.how = How::not_equal;
    }
    return wanted;
}

ipc::Waiting waiting(std::uint32_t flags) {
    return flags & ipc_no_wait ? ipc::Waiting::no : ipc::Waiting::yes;
}

} // namespace

Result<Word> msgget(int key, int flags) {
    return static_cast<Word>(TRY(ipc::get_channel(key, static_cast<std::uint32_t>(flags))));
}

Result<Word> msgctl(int id, int command, VirtAddr buffer) {
    if (id < 0 || command < 0) return Errc::invalid;
    switch (command) {
    case ipc_limits:
    case channel_info: return put_info(buffer, command == channel_info);
    case channel_status_at:
    case channel_status_of_any: {
        RefPtr<MessageChannel> channel = TRY(ipc::channel_at(id));
        return put_status(*channel, buffer,
                          command == channel_status_at ? std::uint32_t{ipc::want_read} : 0,
                          static_cast<Word>(channel->id));
    }
    case ipc_status: return put_status(*TRY(ipc::find_channel(id)), buffer, ipc::want_read, 0);
    case ipc_set: {
        const auto given = TRY(arch::get_user<UserStatus>(buffer));
        return set(*TRY(ipc::find_channel(id)), given);
    }
    case ipc_remove: TRY(TRY(ipc::find_channel(id))->remove()); return Word{0};
    default: return Errc::invalid;
    }
}

Result<Word> msgsnd(int id, VirtAddr from, Word bytes, int flags) {
    const auto type = TRY(arch::get_user<std::int64_t>(from));
    if (bytes > ipc::message_limits.message_bytes || id < 0 || type < 1) return Errc::invalid;
    TypedMessage* message = TRY(TypedMessage::create(type, bytes));
    Result<void> sent = arch::copy_from_user(message->bytes(), from + sizeof type, bytes);
    if (sent.ok()) {
        Result<RefPtr<MessageChannel>> channel = ipc::find_channel(id);
        sent = channel.ok()
                   ? channel.value()->send(*message, waiting(static_cast<std::uint32_t>(flags)))
                   : channel.error();
    }
    if (sent.ok()) return Word{0};
    TypedMessage::destroy(message);
    return sent.error();
}

Result<Word> msgrcv(int id, VirtAddr to, Word room, std::int64_t type, int given_flags) {
    const auto flags = static_cast<std::uint32_t>(given_flags);
    if (id < 0 || static_cast<std::int64_t>(room) < 0) return Errc::invalid;
    const ipc::Selection wanted = TRY(selection(type, flags, room));
    RefPtr<MessageChannel> channel = TRY(ipc::find_channel(id));
    TypedMessage* message = TRY(channel->receive(wanted, waiting(flags)));
    const std::size_t size = std::min<std::size_t>(message->size, room);
    const bool is_told = arch::put_user(to, message->type).ok() &&
                         arch::copy_to_user(to + sizeof message->type, message->bytes(), size).ok();
    TypedMessage::destroy(message);
    if (!is_told) return Errc::fault;
    return Word{size};
}

} // namespace drupe::syscall
