// SPDX-License-Identifier: BSD-2-Clause
// The names of POSIX message queues: a directory that mq_open and mq_unlink work in, and that the
// file system "mqueue" shows wherever it is mounted, and the files that are open on queues.
#pragma once

#include <drupe/base/relaxed.h>
#include <drupe/ipc/message_queue.h>
#include <drupe/vfs/file.h>

#include <cstdint>
#include <string_view>

namespace drupe::ipc {

/// fs.mqueue.queues_max; msg_max and msgsize_max, for who is not privileged; msg_default and
/// msgsize_default, for who says nothing.
struct QueueLimits {
    static constexpr std::uint32_t most_messages = 65'536, most_bytes = 16 << 20, least_bytes = 128;
    Relaxed<std::uint32_t> queues{256}, messages{10}, bytes{8192}, default_messages{10},
        default_bytes{8192};
};
extern QueueLimits queue_limits;

class MessageFile final : public vfs::File {
public:
    static inline constinit const char class_tag = 0;
    MessageFile(vfs::Dentry& dentry, std::uint32_t flags) : File(dentry, flags) {}
    MessageQueue& queue() const { return static_cast<MessageQueue&>(inode()); }

    /// Waits for room. On an error the message stays the caller's. would_block, timed_out, restart.
    Result<void> send(Message& message, const sched::Deadline& deadline);
    Result<Message*> receive(const sched::Deadline& deadline);

    Result<std::size_t> read_at(vfs::IoBuffer& buffer, std::uint64_t offset) override;
    Result<std::size_t> write_at(vfs::IoBuffer&, std::uint64_t&, bool) override;
    Result<std::uint64_t> seek(std::int64_t offset, int whence) override;
    std::uint32_t poll(vfs::PollWatcher* watcher) override;
    bool can_poll() const override { return true; }
    Result<void> truncate(std::uint64_t size) override;
    Result<void> allocate(int, std::uint64_t, std::uint64_t) override;
    Result<void> flush() override;
    const void* tag() const override { return &class_tag; }
};

/// What a name is opened with. `mode` has the umask applied.
struct OpenQueue {
    std::string_view name;     // no slash in it, not empty, at most vfs::max_name
    std::uint32_t flags;       // OpenFlag
    std::uint32_t mode;        // without its kind
    const QueueBounds* bounds; // of a new one; null: the defaults
};
/// exists, not_found, access, no_space (too many), too_many_files (too many bytes of the user's),
/// invalid, no_memory.
Result<RefPtr<vfs::File>> open_queue(const OpenQueue& request);
/// not_found, access, not_permitted.
Result<void> unlink_queue(std::string_view name);

/// Registers "mqueue" for mount(2). What is mounted under it are the same queues each time; they
/// stay when it is unmounted.
void register_types();

} // namespace drupe::ipc
