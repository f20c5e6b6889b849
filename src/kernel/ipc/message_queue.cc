// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/format.h>
#include <drupe/base/made_once.h>
#include <drupe/ipc/message_queue.h>
#include <drupe/ipc/queue_files.h>
#include <drupe/process/signal.h>
#include <drupe/process/user_thread.h>

#include <algorithm>
#include <new>

namespace drupe::ipc {

constinit QueueLimits queue_limits;

namespace {

constexpr std::int32_t si_message_queue = -3; // SI_MESGQ

/// All queues that are there.
struct Account {
    sched::Mutex mutex; // taken last
    IntrusiveList<MessageQueue, &MessageQueue::charge_hook> all GUARDED_BY(mutex);

    /// Counts the queue when its bytes may be had. too_many_files.
    Result<void> charge(MessageQueue& queue, std::uint64_t most) {
        sched::MutexGuard guard(mutex);
        std::uint64_t sum = queue.bounds.charge();
        for (MessageQueue& other : all)
            if (other.charged_uid == queue.charged_uid) sum += other.bounds.charge();
        if (sum > most) return Errc::too_many_files;
        all.push_back(queue);
        return {};
    }
    void discharge(MessageQueue& queue) {
        sched::MutexGuard guard(mutex);
        if (queue.charge_hook.is_linked()) all.remove(queue);
    }
    std::size_t count() {
        sched::MutexGuard guard(mutex);
        std::size_t n = 0;
        for ([[maybe_unused]] MessageQueue& queue : all) n++;
        return n;
    }
};

/// Made at the first use.
Result<Account*> account() {
    static constinit MadeOnce<Account> made;
    return made.get_or_make();
}

Result<void> check_bounds(const QueueBounds& wanted, bool is_privileged) {
    const QueueLimits& l = queue_limits;
    const std::int64_t most_messages =
        is_privileged ? QueueLimits::most_messages : l.messages.load();
    const std::int64_t most_bytes = is_privileged ? QueueLimits::most_bytes : l.bytes.load();
    if (wanted.messages <= 0 || wanted.bytes <= 0 || wanted.messages > most_messages ||
        wanted.bytes > most_bytes)
        return Errc::invalid;
    return {};
}

} // namespace

std::uint64_t QueueBounds::charge() const {
    constexpr std::uint64_t message_head = 48, priority_node = 48; // Linux's
    const auto most = static_cast<std::uint64_t>(messages);
    return most * (static_cast<std::uint64_t>(bytes) + message_head) +
           std::min<std::uint64_t>(most, MessageQueue::priorities) * priority_node;
}

void touch_all(vfs::Inode& inode) {
    vfs::AttributeChange change;
    change.set_atime = change.set_mtime = true;
    change.atime = change.mtime = vfs::wall_now();
    (void)inode.change(change).ok();
}

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

Result<RefPtr<MessageQueue>> MessageQueue::create(vfs::FileSystem& fs, std::uint64_t ino,
                                                  const vfs::NewNode& node,
                                                  const QueueBounds* wanted) {
    const process::Process& self = process::current_process();
    const bool is_privileged = self.credentials.is_privileged();
    const QueueLimits& l = queue_limits;
    Account& all = *TRY(account());
    if (all.count() >= l.queues && !is_privileged) return Errc::no_space;
    const QueueBounds defaults{std::min(l.messages.load(), l.default_messages.load()),
                               std::min(l.bytes.load(), l.default_bytes.load())};
    const QueueBounds& bounds = wanted ? *wanted : defaults;
    TRY(check_bounds(bounds, is_privileged));
    RefPtr<MessageQueue> queue = TRY(make_ref<MessageQueue>(fs, ino, node, bounds));
    TRY(all.charge(*queue, self.limit(process::Resource::message_queues).soft));
    return queue;
}

MessageQueue::MessageQueue(vfs::FileSystem& fs, std::uint64_t ino, const vfs::NewNode& node,
                           const QueueBounds& b)
    : Inode(fs, ino, node), bounds(b), charged_uid(process::current_process().credentials.uid) {
    set_watched(watched_as_child); // who watches the directory may come later
}

MessageQueue::~MessageQueue() {
    if (const Result<Account*> all = account(); all.ok()) all.value()->discharge(*this);
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
    bytes_ += message.size;
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
            touch_all(*this);
            return {};
        }
        if (is_full()) {
            if (!blocks) return Errc::would_block;
            line_up(senders_, self);
            waits = true;
        } else {
            told = put_locked(message);
            touch_all(*this);
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
            bytes_ -= message->size;
            touch_all(*this);
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

std::string_view MessageQueue::describe(std::span<char> into) {
    sched::MutexGuard guard(mutex_);
    const bool by_signal = told_.process && told_.request.how == 0;
    const struct {
        std::string_view name;
        std::uint64_t value;
        std::size_t width;
    } fields[] = {
        {"QSIZE:", bytes_, 10},
        {" NOTIFY:", told_.process ? static_cast<std::uint64_t>(told_.request.how) : 0, 5},
        {" SIGNO:", by_signal ? static_cast<std::uint64_t>(told_.request.signo) : 0, 5},
        {" NOTIFY_PID:", told_.process ? static_cast<std::uint64_t>(told_.process->pid) : 0, 6},
    };
    BufferSink out(into);
    for (const auto& field : fields) {
        char digits[24];
        const std::string_view text = format_into(digits, "{}", field.value);
        out.put(field.name);
        out.put(text);
        for (std::size_t n = text.size(); n < field.width; n++) out.put(" ");
    }
    out.put("\n");
    return out.text();
}

Result<void> MessageQueue::truncate(std::uint64_t size) {
    file_size_.store(size, std::memory_order_relaxed);
    touch_modified();
    return {};
}

} // namespace drupe::ipc
