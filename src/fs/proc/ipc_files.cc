// SPDX-License-Identifier: BSD-2-Clause
// /proc/sysvipc in Linux's columns, its limits in /proc/sys/kernel, and those of inotify, of
// sockets and of POSIX message queues.
#include "proc_inodes.h"

#include <drupe/ipc/messages.h>
#include <drupe/ipc/queue_files.h>
#include <drupe/ipc/semaphores.h>
#include <drupe/ipc/shared_memory.h>
#include <drupe/net/socket.h>
#include <drupe/process/process.h>
#include <drupe/vfs/inotify.h>

#include <algorithm>

namespace drupe::proc {

using namespace vfs;

namespace {

/// A number on the right of a column.
void column(FormatSink& out, std::int64_t value, std::size_t width) {
    char text[24];
    const std::string_view digits = format_into(text, "{}", value);
    for (std::size_t n = digits.size(); n < width; n++) out.put(" ");
    out.put(digits);
    out.put(" ");
}
void column(FormatSink& out, std::uint64_t value, std::size_t width) {
    column(out, static_cast<std::int64_t>(value), width);
}

void octal(FormatSink& out, std::uint32_t value) {
    char text[] = "    0";
    for (std::size_t at = 4; value != 0 && at > 0; value >>= 3)
        text[at--] = static_cast<char>('0' + (value & 7));
    out.put({text + 1, 4});
    out.put(" ");
}

void head(FormatSink& out, const ipc::Object& object) REQUIRES(object.mutex) {
    column(out, std::int64_t{object.key}, 10);
    column(out, std::int64_t{object.id}, 10);
    out.put(" ");
    octal(out, object.owner.mode);
}

void owner(FormatSink& out, const ipc::Object& object) REQUIRES(object.mutex) {
    const ipc::Ownership& o = object.owner;
    for (std::uint32_t id : {o.uid, o.gid, o.creator_uid, o.creator_gid})
        column(out, std::uint64_t{id}, 5);
}

void write_segments(FormatSink& out) {
    out.put("       key      shmid perms                  size  cpid  lpid nattch   uid   gid  "
            "cuid  cgid      atime      dtime      ctime                   rss                  "
            "swap\n");
    std::uint32_t index = 0;
    while (RefPtr<ipc::Segment> segment = ipc::next_segment(index)) {
        sched::MutexGuard guard(segment->mutex);
        head(out, *segment);
        column(out, segment->bytes, 21);
        column(out, std::int64_t{segment->creator}, 5);
        column(out, std::int64_t{segment->last_user}, 5);
        out.put(" ");
        column(out, segment->attached(), 5);
        owner(out, *segment);
        for (std::int64_t time : {segment->attach_time.load(), segment->detach_time.load()})
            column(out, time, 10);
        column(out, segment->changed, 10);
        column(out, std::uint64_t{segment->pages->page_count()} << page_shift, 21);
        column(out, std::uint64_t{0}, 21);
        out.put("\n");
    }
}

void write_semaphores(FormatSink& out) {
    out.put("       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
            "ctime\n");
    std::uint32_t index = 0;
    while (RefPtr<ipc::SemaphoreSet> set = ipc::next_semaphores(index)) {
        sched::MutexGuard guard(set->mutex);
        head(out, *set);
        column(out, std::uint64_t{set->count}, 10);
        owner(out, *set);
        column(out, set->operated(), 10);
        column(out, set->changed, 10);
        out.put("\n");
    }
}

void write_messages(FormatSink& out) {
    out.put("       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  "
            "cgid      stime      rtime      ctime\n");
    std::uint32_t index = 0;
    while (RefPtr<ipc::MessageChannel> channel = ipc::next_channel(index)) {
        sched::MutexGuard guard(channel->mutex);
        const ipc::MessageChannel::Status now = channel->status();
        head(out, *channel);
        out.put(" ");
        column(out, now.bytes, 10);
        column(out, now.messages, 10);
        column(out, std::int64_t{now.last_sender}, 5);
        column(out, std::int64_t{now.last_receiver}, 5);
        owner(out, *channel);
        for (std::int64_t time : {now.sent, now.received, std::int64_t{channel->changed}})
            column(out, time, 10);
        out.put("\n");
    }
}

template <auto& limits, auto member>
void write_limit(FormatSink& out) {
    format_to(out, "{}\n", (limits.*member).load());
}

/// One number off the front of `text`. invalid: none, or one beyond `most`.
Result<std::uint64_t> take_number(std::string_view& text, std::uint64_t most) {
    constexpr std::string_view blanks = " \t\n";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    if (text.empty()) return Errc::invalid;
    std::uint64_t value = 0;
    while (!text.empty() && blanks.find(text.front()) == std::string_view::npos) {
        const auto digit = static_cast<std::uint64_t>(text.front() - '0');
        if (digit > 9 || value > (most - digit) / 10) return Errc::invalid;
        value = value * 10 + digit;
        text.remove_prefix(1);
    }
    return value;
}

bool may_change() { return process::current_process().credentials.is_privileged(); }

template <auto& limits, auto member, std::uint64_t most, std::uint64_t least = 0>
Result<void> store_limit(std::string_view text) {
    if (!may_change()) return Errc::not_permitted;
    const std::uint64_t value = TRY(take_number(text, most));
    if (value < least) return Errc::invalid;
    auto& limit = limits.*member;
    limit = static_cast<decltype(limit.load())>(value);
    return {};
}

void write_semaphore_limits(FormatSink& out) {
    const ipc::SemaphoreLimits& l = ipc::semaphore_limits;
    format_to(out, "{}\t{}\t{}\t{}\n", l.each.load(), l.all.load(), l.operations.load(),
              l.sets.load());
}

Result<void> store_semaphore_limits(std::string_view text) {
    if (!may_change()) return Errc::not_permitted;
    ipc::SemaphoreLimits& l = ipc::semaphore_limits;
    const std::uint32_t most_sets = ipc::ObjectTable::most;
    for (auto [limit, most] : {std::pair{&l.each, 65536u},
                               {&l.all, 0x7fff'ffffu},
                               {&l.operations, 0x7fffu},
                               {&l.sets, most_sets}}) {
        const Result<std::uint64_t> value = take_number(text, most);
        if (!value.ok()) return limit == &l.each ? value.error() : Result<void>{};
        *limit = static_cast<std::uint32_t>(value.value());
    }
    return {};
}

constexpr std::uint64_t most_int = 0x7fff'ffff;

// [linux] include/net/sock.h: SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF
constexpr std::uint64_t least_send = 4608, least_receive = 2304;
using net::socket_limits, net::SocketLimits;

using ipc::queue_limits, ipc::QueueLimits;
constexpr std::uint64_t most_messages = QueueLimits::most_messages;
constexpr std::uint64_t most_queue_bytes = QueueLimits::most_bytes;
constexpr std::uint64_t least_queue_bytes = QueueLimits::least_bytes;

constinit GeneratedFile list[] = {
    {"sys/fs/mqueue/queues_max", write_limit<queue_limits, &QueueLimits::queues>,
     store_limit<queue_limits, &QueueLimits::queues, most_int>},
    {"sys/fs/mqueue/msg_max", write_limit<queue_limits, &QueueLimits::messages>,
     store_limit<queue_limits, &QueueLimits::messages, most_messages, 1>},
    {"sys/fs/mqueue/msgsize_max", write_limit<queue_limits, &QueueLimits::bytes>,
     store_limit<queue_limits, &QueueLimits::bytes, most_queue_bytes, least_queue_bytes>},
    {"sys/fs/mqueue/msg_default", write_limit<queue_limits, &QueueLimits::default_messages>,
     store_limit<queue_limits, &QueueLimits::default_messages, most_messages, 1>},
    {"sys/fs/mqueue/msgsize_default", write_limit<queue_limits, &QueueLimits::default_bytes>,
     store_limit<queue_limits, &QueueLimits::default_bytes, most_queue_bytes, least_queue_bytes>},
    {"sys/net/core/somaxconn", write_limit<socket_limits, &SocketLimits::backlog>,
     store_limit<socket_limits, &SocketLimits::backlog, most_int>},
    {"sys/net/core/wmem_default", write_limit<socket_limits, &SocketLimits::send>,
     store_limit<socket_limits, &SocketLimits::send, most_int, least_send>},
    {"sys/net/core/rmem_default", write_limit<socket_limits, &SocketLimits::receive>,
     store_limit<socket_limits, &SocketLimits::receive, most_int, least_receive>},
    {"sys/net/core/wmem_max", write_limit<socket_limits, &SocketLimits::most_send>,
     store_limit<socket_limits, &SocketLimits::most_send, most_int, least_send>},
    {"sys/net/core/rmem_max", write_limit<socket_limits, &SocketLimits::most_receive>,
     store_limit<socket_limits, &SocketLimits::most_receive, most_int, least_receive>},
    {"sys/net/unix/max_dgram_qlen", write_limit<socket_limits, &SocketLimits::unix_datagrams>,
     store_limit<socket_limits, &SocketLimits::unix_datagrams, most_int>},
    {"sysvipc/shm", write_segments},
    {"sysvipc/sem", write_semaphores},
    {"sysvipc/msg", write_messages},
    {"sys/kernel/shmmax", write_limit<ipc::memory_limits, &ipc::MemoryLimits::bytes>,
     store_limit<ipc::memory_limits, &ipc::MemoryLimits::bytes, UINT64_MAX>},
    {"sys/kernel/shmall", write_limit<ipc::memory_limits, &ipc::MemoryLimits::pages>,
     store_limit<ipc::memory_limits, &ipc::MemoryLimits::pages, UINT64_MAX>},
    {"sys/kernel/shmmni", write_limit<ipc::memory_limits, &ipc::MemoryLimits::segments>,
     store_limit<ipc::memory_limits, &ipc::MemoryLimits::segments, ipc::ObjectTable::most>},
    {"sys/kernel/sem", write_semaphore_limits, store_semaphore_limits},
    {"sys/kernel/msgmax", write_limit<ipc::message_limits, &ipc::MessageLimits::message_bytes>,
     store_limit<ipc::message_limits, &ipc::MessageLimits::message_bytes, most_int>},
    {"sys/kernel/msgmnb", write_limit<ipc::message_limits, &ipc::MessageLimits::queue_bytes>,
     store_limit<ipc::message_limits, &ipc::MessageLimits::queue_bytes, most_int>},
    {"sys/fs/inotify/max_queued_events", write_limit<inotify_limits, &InotifyLimits::events>,
     store_limit<inotify_limits, &InotifyLimits::events, most_int>},
    {"sys/fs/inotify/max_user_instances", write_limit<inotify_limits, &InotifyLimits::instances>,
     store_limit<inotify_limits, &InotifyLimits::instances, most_int>},
    {"sys/fs/inotify/max_user_watches", write_limit<inotify_limits, &InotifyLimits::watches>,
     store_limit<inotify_limits, &InotifyLimits::watches, most_int>},
    {"sys/kernel/msgmni", write_limit<ipc::message_limits, &ipc::MessageLimits::queues>,
     store_limit<ipc::message_limits, &ipc::MessageLimits::queues, ipc::ObjectTable::most>},
};

} // namespace

void register_ipc_files() {
    for (GeneratedFile& file : list) register_file(proc_files, file);
}

} // namespace drupe::proc
