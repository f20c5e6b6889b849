// SPDX-License-Identifier: BSD-2-Clause
// A POSIX message queue: messages with priorities. It is an inode, of the file system of
// queue_files.h, and lives as long as its name or a file that is open on it.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/process/process.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/sched/wall_clock.h>
#include <drupe/vfs/inode.h>

#include <atomic>
#include <cstdint>
#include <span>
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

/// What a queue holds at most, as a program asks for it.
struct QueueBounds {
    std::int64_t messages, bytes; // bytes: of each
    /// What a full queue takes, its bookkeeping included: counted from the beginning.
    std::uint64_t charge() const;
};

/// What is done instead of a signal when a message comes, or (forgotten) when that is no longer
/// waited for. Once; context: thread.
class Notice {
public:
    enum class Why : std::uint8_t { came, forgotten };
    virtual ~Notice() = default;
    virtual void tell(Why why) = 0;
};

class MessageQueue final : public vfs::Inode {
public:
    static constexpr std::uint32_t priorities = 32768; // MQ_PRIO_MAX
    /// Counts against the limits of all queues and of the caller's user from now on; `bounds` null:
    /// the defaults. no_space, invalid, too_many_files, no_memory.
    static Result<RefPtr<MessageQueue>> create(vfs::FileSystem& fs, std::uint64_t ino,
                                               const vfs::NewNode& node, const QueueBounds* bounds);
    MessageQueue(vfs::FileSystem& fs, std::uint64_t ino, const vfs::NewNode& node,
                 const QueueBounds& b);
    ~MessageQueue() override;

    const QueueBounds bounds;
    const std::uint32_t charged_uid; // whose limit it counts against: the real user's
    std::size_t count() const { return count_.load(std::memory_order_relaxed); }
    bool is_full() const { return count() >= static_cast<std::uint64_t>(bounds.messages); }

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
        int how = 0; // sigev_notify
        int signo = 0;
        std::uint64_t value = 0;
        OwnPtr<Notice> notice{};
    };
    Result<void> notify(process::Process& who, Request request);
    /// Takes that back, if `who` asked.
    void forget(const process::Process& who);
    /// What reading its file gives.
    std::string_view describe(std::span<char> into);

    std::uint64_t size() const override { return file_size_.load(std::memory_order_relaxed); }
    Result<RefPtr<vfs::File>> open(vfs::Dentry& dentry, std::uint32_t flags) override;
    Result<void> truncate(std::uint64_t size) override;

    sched::WaitQueue readable, writable; // for who watches
    ListHook charge_hook;                // of all queues, named or not

private:
    struct Told {
        RefPtr<process::Process> process;
        Request request;
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

    // Under the inode's mutex:
    Parties receivers_ GUARDED_BY(mutex_), senders_ GUARDED_BY(mutex_); // one of them is empty
    std::atomic<std::size_t> count_{0};
    std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;
    IntrusiveList<Message, &Message::hook> messages_ GUARDED_BY(mutex_); // as they will be taken
    Told told_ GUARDED_BY(mutex_);
    std::atomic<std::uint64_t> file_size_{80}; // what Linux shows; nothing else depends on it
};

/// As Linux does where others keep the three apart: access, change and status are now.
void touch_all(vfs::Inode& inode);

} // namespace drupe::ipc
