// SPDX-License-Identifier: BSD-2-Clause
// POSIX message queues: decoding and limits. [linux] ipc/mqueue.c
#include "file_call.h"
#include "user_time.h"

#include <drupe/ipc/queue_files.h>
#include <drupe/net/netlink.h>
#include <drupe/process/process.h>

#include <array>
#include <cstring>
#include <string_view>

namespace drupe::syscall {

using namespace vfs;

namespace {

struct UserAttributes {
    std::int64_t flags, most_messages, message_bytes, messages, reserved[4];
};
static_assert(sizeof(UserAttributes) == 64);

/// A name without the slash that programs write before it; the C library takes that off.
class QueueName {
public:
    /// not_found: empty; access: it would lie in a folder; name_too_long; fault.
    Result<void> read(VirtAddr at) {
        TRY(path_.read(at));
        if (path_.is_empty()) return Errc::not_found;
        if (view().find('/') != std::string_view::npos || view() == "." || view() == "..")
            return Errc::access;
        if (view().size() > max_name) return Errc::name_too_long;
        return {};
    }
    std::string_view view() const { return path_.text(); }

private:
    PathArgument path_;
};

/// The absolute time on the wall clock that a wait ends at.
Result<sched::Deadline> end_of_wait(VirtAddr timeout) {
    if (raw(timeout) == 0) return sched::Deadline(Nanos::never());
    return sched::Deadline::on_wall(TRY(read_timespec(timeout)));
}

/// bad_descriptor: no queue, too.
Result<ipc::MessageFile*> queue_of(const FileRef& file) {
    if (!file || file->is_path_only()) return Errc::bad_descriptor;
    auto* queue = file_as<ipc::MessageFile>(*file);
    if (!queue) return Errc::bad_descriptor;
    return queue;
}

} // namespace

Result<Word> mq_open(VirtAddr name_at, int given_flags, std::uint32_t mode, VirtAddr attributes) {
    const auto flags = static_cast<std::uint32_t>(given_flags);
    TaskContext& who = caller();
    QueueName name;
    UserAttributes given{};
    const bool has_attributes = raw(attributes) != 0 && (flags & open_create);
    if (has_attributes) given = TRY(arch::get_user<UserAttributes>(attributes));
    TRY(name.read(name_at));
    const ipc::QueueBounds bounds{given.most_messages, given.message_bytes};
    RefPtr<File> file = TRY(ipc::open_queue({.name = name.view(),
                                             .flags = flags,
                                             .mode = mode & mode_changeable & ~who.fs->umask(),
                                             .bounds = has_attributes ? &bounds : nullptr}));
    return Word{TRY(who.files->install(std::move(file), true, who.max_descriptors))};
}

Result<Word> mq_unlink(VirtAddr name_at) {
    QueueName name;
    TRY(name.read(name_at));
    TRY(ipc::unlink_queue(name.view()));
    return Word{0};
}

Result<Word> mq_timedsend(int fd, VirtAddr from, Word bytes, std::uint32_t priority,
                          VirtAddr timeout) {
    const sched::Deadline deadline = TRY(end_of_wait(timeout));
    if (priority >= ipc::MessageQueue::priorities) return Errc::invalid;
    const FileRef file = file_at(fd);
    ipc::MessageFile* queue = TRY(queue_of(file));
    if (!queue->is_writable()) return Errc::bad_descriptor;
    if (bytes > static_cast<Word>(queue->queue().bounds.bytes)) return Errc::message_size;
    ipc::Message* message = TRY(ipc::Message::create(bytes, priority));
    Result<void> sent = arch::copy_from_user(message->bytes(), from, bytes);
    if (sent.ok()) {
        const Result<void> added = queue->send(*message, deadline);
        if (added.ok()) return Word{0};
        ipc::Message::destroy(message);
        return added.error();
    }
    ipc::Message::destroy(message);
    return sent.error();
}

Result<Word> mq_timedreceive(int fd, VirtAddr to, Word bytes, VirtAddr priority, VirtAddr timeout) {
    const sched::Deadline deadline = TRY(end_of_wait(timeout));
    const FileRef file = file_at(fd);
    ipc::MessageFile* queue = TRY(queue_of(file));
    if (!queue->is_readable()) return Errc::bad_descriptor;
    if (bytes < static_cast<Word>(queue->queue().bounds.bytes)) return Errc::message_size;
    ipc::Message* message = TRY(queue->receive(deadline));
    const std::size_t size = message->size;
    const bool is_told = (raw(priority) == 0 || arch::put_user(priority, message->priority).ok()) &&
                         arch::copy_to_user(to, message->bytes(), size).ok();
    ipc::Message::destroy(message);
    if (!is_told) return Errc::fault;
    return Word{size};
}

namespace {

/// How the C library has a thread started: its cookie comes back through a socket of AF_NETLINK,
/// the last byte says why. [linux] include/linux/mqueue.h
class CookieNotice final : public ipc::Notice {
public:
    static constexpr std::size_t bytes = 32; // NOTIFY_COOKIE_LEN
    explicit CookieNotice(OwnPtr<net::NetlinkNotice> notice) : notice_(std::move(notice)) {}
    void tell(Why why) override {
        enum : unsigned char { woken_up = 1, removed = 2 };
        notice_->bytes()[bytes - 1] = std::byte{why == Why::came ? woken_up : removed};
        notice_->tell();
    }

private:
    OwnPtr<net::NetlinkNotice> notice_;
};

/// fault; bad_descriptor; not_socket; invalid: a socket of another family.
Result<OwnPtr<ipc::Notice>> cookie_notice(int socket_fd, VirtAddr cookie_at) {
    const auto cookie =
        TRY((arch::get_user<std::array<std::byte, CookieNotice::bytes>>(cookie_at)));
    RefPtr<File> file = caller().files->get_ref(static_cast<std::uint32_t>(socket_fd));
    if (!file) return Errc::bad_descriptor;
    if (!file_as<net::Socket>(*file)) return Errc::not_socket;
    OwnPtr<CookieNotice> notice =
        TRY(make_own<CookieNotice>(TRY(net::NetlinkNotice::create(std::move(file), cookie))));
    return OwnPtr<ipc::Notice>(notice.leak());
}

} // namespace

Result<Word> mq_notify(int fd, VirtAddr event_at) {
    enum Notify : std::int32_t { by_signal = 0, not_at_all = 1, by_thread = 2 };
    struct Event {
        std::uint64_t value;
        std::int32_t signo, notify;
        std::int32_t rest[12];
    };
    static_assert(sizeof(Event) == 64);
    Event event{};
    OwnPtr<ipc::Notice> notice;
    if (raw(event_at) != 0) {
        event = TRY(arch::get_user<Event>(event_at));
        if (event.notify < by_signal || event.notify > by_thread) return Errc::invalid;
        if (event.notify == by_signal && (event.signo < 0 || event.signo > process::signal_count))
            return Errc::invalid;
        if (event.notify == by_thread)
            notice = TRY(cookie_notice(event.signo, VirtAddr{event.value}));
    }
    const FileRef file = file_at(fd);
    ipc::MessageFile* queue = TRY(queue_of(file));
    process::Process& self = process::current_process();
    if (raw(event_at) == 0)
        queue->queue().forget(self);
    else
        TRY(queue->queue().notify(self, {.how = event.notify,
                                         .signo = event.notify == by_signal ? event.signo : 0,
                                         .value = event.value,
                                         .notice = std::move(notice)}));
    return Word{0};
}

Result<Word> mq_getsetattr(int fd, VirtAddr wanted, VirtAddr before) {
    UserAttributes fresh{};
    if (raw(wanted) != 0) {
        fresh = TRY(arch::get_user<UserAttributes>(wanted));
        if (fresh.flags & ~std::int64_t{open_nonblock}) return Errc::invalid;
    }
    const FileRef file = file_at(fd);
    ipc::MessageFile* queue = TRY(queue_of(file));
    const ipc::MessageQueue& q = queue->queue();
    const UserAttributes now{.flags = queue->flags() & open_nonblock,
                             .most_messages = q.bounds.messages,
                             .message_bytes = q.bounds.bytes,
                             .messages = static_cast<std::int64_t>(q.count()),
                             .reserved = {}};
    if (raw(wanted) != 0)
        TRY(queue->set_flags((queue->flags() & ~std::uint32_t{open_nonblock}) |
                             static_cast<std::uint32_t>(fresh.flags)));
    if (raw(before) != 0) TRY(arch::put_user(before, now));
    return Word{0};
}

} // namespace drupe::syscall
