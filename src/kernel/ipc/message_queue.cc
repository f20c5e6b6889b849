// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/made_once.h>
#include <drupe/ipc/message_queue.h>
#include <drupe/process/signal.h>
#include <drupe/process/user_thread.h>

#include <algorithm>
#include <new>

namespace drupe::ipc {
namespace {

constexpr std::int32_t si_message_queue = -3; // SI_MESGQ
constexpr std::size_t most_queues = 256;      // fs.mqueue.queues_max

using Names = IntrusiveList<MessageQueue, &MessageQueue::hook>;

/// The named queues, each with a reference, and all queues that are there.
struct Table {
    sched::Mutex mutex;
    Names queues GUARDED_BY(mutex);
    std::size_t count GUARDED_BY(mutex) = 0;
    sched::Mutex charge_mutex; // taken last
    IntrusiveList<MessageQueue, &MessageQueue::charge_hook> all GUARDED_BY(charge_mutex);

    /// too_many_files. Counts the queue when it may be.
    Result<void> charge(MessageQueue& queue, std::uint64_t most) {
        sched::MutexGuard guard(charge_mutex);
        std::uint64_t sum = queue.limits.charge();
        for (MessageQueue& other : all)
            if (other.charged_uid == queue.charged_uid) sum += other.limits.charge();
        if (sum > most) return Errc::too_many_files;
        all.push_back(queue);
        return {};
    }
    void discharge(MessageQueue& queue) {
        sched::MutexGuard guard(charge_mutex);
        if (queue.charge_hook.is_linked()) all.remove(queue);
    }

    MessageQueue* find(std::string_view name) REQUIRES(mutex) {
        for (MessageQueue& queue : queues)
            if (name == queue.name) return &queue;
        return nullptr;
    }
};

/// Made at the first use.
Result<Table*> table() {
    static constinit MadeOnce<Table> made;
    return made.get_or_make();
}

Result<void> check_access(const MessageQueue& queue, std::uint32_t open_flags) {
    static constexpr std::uint32_t wanted_by[] = {4, 2, 6};
    const std::uint32_t access = open_flags & vfs::open_access_mode;
    if (access == vfs::open_access_mode) return Errc::invalid;
    const vfs::Credentials& who = process::current_context().credentials;
    if (who.is_root()) return {};
    unsigned shift = 0;
    if (who.effective_uid == queue.uid)
        shift = 6;
    else if (who.is_member(queue.gid))
        shift = 3;
    const std::uint32_t wanted = wanted_by[access];
    return (queue.mode >> shift & wanted) == wanted ? Result<void>{} : Errc::access;
}

Result<RefPtr<vfs::File>> open_file(RefPtr<MessageQueue> queue, std::uint32_t flags) {
    RefPtr<vfs::Dentry> dentry =
        TRY(vfs::create_anonymous(queue->name, vfs::mode_regular | queue->mode, false));
    RefPtr<vfs::File> file = TRY(make_ref<MessageFile>(
        *dentry, flags & (vfs::open_access_mode | vfs::open_nonblock), std::move(queue)));
    return file;
}

} // namespace

Result<Message*> Message::create(std::size_t size, std::uint32_t priority) {
    void* memory = ::operator new(sizeof(Message) + size, std::nothrow);
    if (!memory) return Errc::no_memory;
    auto* message = new (memory) Message;
    message->size = size;
    message->priority = priority;
    return message;
}

void Message::destroy(Message* message) {
    message->~Message();
    ::operator delete(message);
}

MessageQueue::MessageQueue(const QueueLimits& l, std::uint32_t m, std::uint32_t u, std::uint32_t g)
    : limits(l), mode(m), uid(u), gid(g), charged_uid(process::current_process().credentials.uid) {}

MessageQueue::~MessageQueue() {
    if (const Result<Table*> names = table(); names.ok()) names.value()->discharge(*this);
    while (Message* message = messages_.pop_front()) Message::destroy(message);
}

/// Who is told of it by a signal is returned.
MessageQueue::Told MessageQueue::put_locked(Message& message) {
    Message* behind = messages_.back();
    while (behind && behind->priority < message.priority) behind = messages_.prev(*behind);
    Message* before = behind ? messages_.next(*behind) : messages_.front();
    if (before)
        messages_.insert_before(*before, message);
    else
        messages_.push_back(message);
    return count_.fetch_add(1, std::memory_order_relaxed) == 0 ? std::exchange(told_, {}) : Told{};
}

MessageQueue::Party::Party(Message* m)
    : message(m), priority(sched::current().is_realtime()
                               ? -sched::Entity::min_nice + sched::current().realtime_priority()
                               : -sched::current().nice()) {}

/// The highest priority first, equals as they came.
void MessageQueue::line_up(Parties& line, Party& party) {
    Party* behind = line.back();
    while (behind && behind->priority < party.priority) behind = line.prev(*behind);
    Party* before = behind ? line.next(*behind) : line.front();
    if (before)
        line.insert_before(*before, party);
    else
        line.push_back(party);
}

void MessageQueue::serve(Parties& line, Party& party) {
    line.remove(party);
    party.is_served.store(true, std::memory_order_relaxed);
    party.turn.wake_all(); // it cannot leave: it takes the mutex first, which brings the rest
}

Result<void> MessageQueue::wait_in_line(Parties MessageQueue::*line, Party& party,
                                        const sched::Deadline& deadline) {
    const sched::WallClockWatch watch(deadline);
    Result<void> waited;
    do {
        waited = party.turn.wait_until(
            [&] { return party.is_served.load(std::memory_order_relaxed); }, deadline.monotonic());
        // Too early when the clock was set back meanwhile.
    } while (waited.error() == Errc::timed_out && time::now() < deadline.monotonic());
    sched::MutexGuard guard(mutex_);
    if (party.is_served.load(std::memory_order_relaxed)) return {};
    (this->*line).remove(party);
    return waited;
}

Result<void> MessageQueue::send(Message& message, const sched::Deadline& deadline, bool blocks) {
    Party self(&message);
    Told told;
    bool waits = false;
    {
        sched::MutexGuard guard(mutex_);
        if (Party* receiver = receivers_.front()) {
            receiver->message = &message;
            serve(receivers_, *receiver);
            return {};
        }
        if (is_full()) {
            if (!blocks) return Errc::would_block;
            line_up(senders_, self);
            waits = true;
        } else {
            told = put_locked(message);
        }
    }
    if (waits) return wait_in_line(&MessageQueue::senders_, self, deadline);
    readable.wake(1, vfs::poll_in | vfs::poll_rdnorm);
    if (told.request.notice) told.request.notice->tell(Notice::Why::came);
    if (told.request.signo == 0 || told.request.notice) return {};
    const process::Process& sender = process::current_process();
    process::SigInfo info = process::SigInfo::from_user(told.request.signo, si_message_queue,
                                                        sender.pid, sender.credentials.uid);
    info.u.sent.value = told.request.value;
    (void)process::send_signal(*told.process, info).ok();
    return {};
}

Result<Message*> MessageQueue::receive(const sched::Deadline& deadline, bool blocks) {
    Party self(nullptr);
    Message* message = nullptr;
    {
        sched::MutexGuard guard(mutex_);
        message = messages_.pop_front();
        if (message) {
            count_.fetch_sub(1, std::memory_order_relaxed);
            if (Party* sender = senders_.front()) {
                (void)put_locked(*sender->message);
                serve(senders_, *sender);
                return message; // as full as before
            }
        } else {
            if (!blocks) return Errc::would_block;
            line_up(receivers_, self);
        }
    }
    if (message) {
        writable.wake(1, vfs::poll_out | vfs::poll_wrnorm);
        return message;
    }
    TRY(wait_in_line(&MessageQueue::receivers_, self, deadline));
    return self.message;
}

Result<void> MessageQueue::notify(process::Process& who, Request request) {
    sched::MutexGuard guard(mutex_);
    if (told_.process) return Errc::busy;
    told_.process = RefPtr<process::Process>(&who);
    told_.request = std::move(request);
    return {};
}

void MessageQueue::forget(const process::Process& who) {
    Told told;
    {
        sched::MutexGuard guard(mutex_);
        if (told_.process.get() == &who) told = std::exchange(told_, {});
    }
    if (told.request.notice) told.request.notice->tell(Notice::Why::forgotten);
}

Result<void> MessageFile::send(Message& message, const sched::Deadline& deadline) {
    return queue_->send(message, deadline, !is_nonblocking());
}

Result<Message*> MessageFile::receive(const sched::Deadline& deadline) {
    return queue_->receive(deadline, !is_nonblocking());
}

std::uint32_t MessageFile::poll(vfs::PollWatcher* watcher) {
    if (watcher) {
        watcher->watch(queue_->readable);
        watcher->watch(queue_->writable);
    }
    return (queue_->count() != 0 ? vfs::poll_in | vfs::poll_rdnorm : 0u) |
           (queue_->is_full() ? 0u : vfs::poll_out | vfs::poll_wrnorm);
}

Result<void> MessageFile::flush() {
    queue_->forget(process::current_process());
    return {};
}

Result<RefPtr<vfs::File>> open_queue(const OpenQueue& request) {
    Table& names = *TRY(table());
    sched::MutexGuard guard(names.mutex);
    if (MessageQueue* known = names.find(request.name)) {
        constexpr std::uint32_t fresh_only = vfs::open_create | vfs::open_exclusive;
        if ((request.flags & fresh_only) == fresh_only) return Errc::exists;
        TRY(check_access(*known, request.flags));
        return open_file(RefPtr<MessageQueue>(known), request.flags);
    }
    if (!(request.flags & vfs::open_create)) return Errc::not_found;
    if ((request.flags & vfs::open_access_mode) == vfs::open_access_mode) return Errc::invalid;
    const vfs::Credentials& who = process::current_context().credentials;
    if (names.count >= most_queues && !who.is_root()) return Errc::no_space;
    RefPtr<MessageQueue> queue = TRY(
        make_ref<MessageQueue>(request.limits, request.mode, who.effective_uid, who.effective_gid));
    TRY(names.charge(*queue, request.most_charged));
    std::copy(request.name.begin(), request.name.end(), queue->name);
    RefPtr<vfs::File> file = TRY(open_file(queue, request.flags));
    names.queues.push_back(*queue.leak());
    names.count++;
    return file;
}

bool has_queue(std::string_view name) {
    const Result<Table*> names = table();
    if (!names.ok()) return false;
    sched::MutexGuard guard(names.value()->mutex);
    return names.value()->find(name) != nullptr;
}

Result<void> unlink_queue(std::string_view name) {
    Table& names = *TRY(table());
    RefPtr<MessageQueue> gone;
    sched::MutexGuard guard(names.mutex);
    MessageQueue* queue = names.find(name);
    if (!queue) return Errc::not_found;
    const vfs::Credentials& who = process::current_context().credentials;
    if (!who.is_root() && who.effective_uid != queue->uid) return Errc::access;
    names.queues.remove(*queue);
    names.count--;
    gone = RefPtr<MessageQueue>::adopt(queue);
    return {};
}

} // namespace drupe::ipc
