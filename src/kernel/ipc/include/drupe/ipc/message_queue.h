// SPDX-License-Identifier: BSD-2-Clause
// POSIX message queues: messages with priorities under a name. A queue lives as long as its name or
// a file that is open on it.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/process/process.h>
#include <drupe/sched/mutex.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/sched/wall_clock.h>
#include <drupe/vfs/file.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace drupe::ipc {

/// Its bytes follow the object.
struct Message {
    /// no_memory.
    static Result<Message*> create(std::size_t size, std::uint32_t priority);
    static void destroy(Message* message);
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    ListHook hook;
    std::size_t size;
    std::uint32_t priority;
};

struct QueueLimits {
    std::size_t messages = 10;
    std::size_t bytes = 8192; // of each
    /// What a full queue takes, its bookkeeping included: counted from the beginning.
    std::uint64_t charge() const {
        constexpr std::size_t each = 48 + 8;
        return std::uint64_t{messages} * (bytes + each);
    }
};

/// What is done instead of a signal when a message comes, or (forgotten) when that is no longer
/// waited for. Once; context: thread.
class Notice {
public:
    enum class Why : std::uint8_t { came, forgotten };
    virtual ~Notice() = default;
    virtual void tell(Why why) = 0;
};

class MessageQueue : public RefCounted<MessageQueue> {
public:
    static constexpr std::size_t longest_name = 255;
    MessageQueue(const QueueLimits& l, std::uint32_t m, std::uint32_t u, std::uint32_t g);
    ~MessageQueue();
    static void destroy(MessageQueue* queue) { delete queue; }

    const QueueLimits limits;
    const std::uint32_t mode, uid, gid;
    const std::uint32_t charged_uid; // whose limit it counts against: the real user's
    std::size_t count() const { return count_.load(std::memory_order_relaxed); }
    bool is_full() const { return count() >= limits.messages; }

    /// The message goes to the first of those who wait for one, else into the queue; then it is no
    /// longer the caller's. Waits for room unless `blocks` is false, behind those who wait already.
    /// would_block, timed_out, restart. Context: thread.
    Result<void> send(Message& message, const sched::Deadline& deadline, bool blocks);
    /// The first of the highest priority; it is the caller's. Waits likewise; a sender that waits
    /// gets its room at once.
    Result<Message*> receive(const sched::Deadline& deadline, bool blocks);
    /// One process at a time hears of the next message that comes while the queue is empty and
    /// nobody waits for it: by the notice, or the signal. signo 0: it hears nothing, but keeps
    /// others from asking. busy.
    struct Request {
        int signo;
        std::uint64_t value;
        OwnPtr<Notice> notice{};
    };
    Result<void> notify(process::Process& who, Request request);
    /// Takes that back, if `who` asked.
    void forget(const process::Process& who);

    sched::WaitQueue readable, writable; // for who watches

    ListHook hook;        // the names', and so is the name
    ListHook charge_hook; // of all queues, named or not
    char name[longest_name + 1] = {};

private:
    struct Told {
        RefPtr<process::Process> process;
        Request request{0, 0};
    };
    /// A thread that waits, on its stack: a receiver for a message, a sender with one.
    struct Party {
        explicit Party(Message* message);
        Message* message;
        const int priority; // of the thread, fixed ones above nice levels
        std::atomic<bool> is_served{false};
        sched::WaitQueue turn;
        ListHook hook;
    };
    using Parties = IntrusiveList<Party, &Party::hook>;

    Told put_locked(Message& message) REQUIRES(mutex_);
    static void line_up(Parties& line, Party& party);
    static void serve(Parties& line, Party& party);
    /// Waits to be served, and leaves the line when that is given up.
    Result<void> wait_in_line(Parties MessageQueue::*line, Party& party,
                              const sched::Deadline& deadline);

    sched::Mutex mutex_;
    Parties receivers_ GUARDED_BY(mutex_), senders_ GUARDED_BY(mutex_); // one of them is empty
    std::atomic<std::size_t> count_{0};
    IntrusiveList<Message, &Message::hook> messages_ GUARDED_BY(mutex_); // as they will be taken
    Told told_ GUARDED_BY(mutex_);
};

class MessageFile final : public vfs::File {
public:
    static inline constinit const char class_tag = 0;
    MessageFile(vfs::Dentry& dentry, std::uint32_t flags, RefPtr<MessageQueue> queue)
        : File(dentry, flags), queue_(std::move(queue)) {}
    MessageQueue& queue() const { return *queue_; }

    /// Waits for room. On an error the message stays the caller's. would_block, timed_out, restart.
    Result<void> send(Message& message, const sched::Deadline& deadline);
    Result<Message*> receive(const sched::Deadline& deadline);

    std::uint32_t poll(vfs::PollWatcher* watcher) override;
    bool can_poll() const override { return true; }
    Result<void> flush() override;
    const void* tag() const override { return &class_tag; }

private:
    RefPtr<MessageQueue> queue_;
};

/// What a name is opened with. `mode` has the umask applied.
struct OpenQueue {
    std::string_view name; // no slash in it, not empty, at most longest_name
    std::uint32_t flags;   // OpenFlag
    std::uint32_t mode;
    QueueLimits limits;
    std::uint64_t most_charged; // of all queues of the user (RLIMIT_MSGQUEUE)
};
/// exists, not_found, access, no_space (too many), too_many_files (too many bytes of the user's),
/// invalid, no_memory.
Result<RefPtr<vfs::File>> open_queue(const OpenQueue& request);
bool has_queue(std::string_view name);
/// not_found, access.
Result<void> unlink_queue(std::string_view name);

} // namespace drupe::ipc
