// SPDX-License-Identifier: BSD-2-Clause
// A file whose bytes are the events of the inodes that it watches.
#pragma once

#include <drupe/base/list.h>
#include <drupe/base/relaxed.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/vfs/file.h>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace drupe::vfs {

struct InotifyLimits {
    Relaxed<std::uint32_t> events{16384}, instances{128}, watches{65536};
};
/// fs.inotify: events that wait in one file; files and watches of each user.
extern InotifyLimits inotify_limits;

class InotifyFile final : public File {
public:
    static inline constinit const char class_tag = 0;
    /// What a watch says beside its events.
    enum Flag : std::uint32_t {
        excludes_unlinked = 0x0400'0000, // IN_EXCL_UNLINK
        keeps_existing = 0x1000'0000,    // IN_MASK_CREATE
        adds = 0x2000'0000,              // IN_MASK_ADD
        once = 0x8000'0000,              // IN_ONESHOT
    };

    /// Counted as the user's, with its watches. too_many_files, no_memory.
    static Result<RefPtr<File>> create(std::uint32_t flags, std::uint32_t uid);
    ~InotifyFile() override;

    /// The watch's number. exists (with keeps_existing), no_space, no_memory.
    Result<int> watch(Dentry& dentry, std::uint32_t mask);
    /// invalid: no such watch.
    Result<void> forget(int number);

    Result<std::size_t> read(IoBuffer& buffer) override;
    std::uint32_t poll(PollWatcher* watcher) override;
    bool can_poll() const override { return true; }
    Result<void> set_async(const AsyncRequest* request) override {
        return mark_async(async_.set(*this, request), request != nullptr);
    }
    Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument) override;
    Result<std::uint64_t> seek(std::int64_t, int) override { return std::uint64_t{0}; }
    const void* tag() const override { return &class_tag; }

    /// Lines about the watches, from the one above number `after` on: fills `number`, `inode` and
    /// `mask`; false: no more. For /proc.
    struct Report {
        int number;
        std::uint64_t ino, device;
        std::uint32_t mask;
    };
    bool next_report(int after, Report& out);

    InotifyFile(Dentry& dentry, std::uint32_t flags);

private:
    friend class WatchTable;
    struct Event;
    struct Watch;
    struct User;

    // All under the lock of the watches.
    void queue(int number, std::uint32_t mask, std::uint32_t cookie, std::string_view name);
    Event* take(std::size_t room, bool& too_small);

    struct Lists;
    OwnPtr<Lists> lists_;
    User* user_ = nullptr; // counts this file
    int last_number_ = 0;
    std::atomic<std::uint32_t> count_{0}, bytes_{0}; // of the events that wait
    AsyncFiles async_;
    sched::WaitQueue readable_;
};

} // namespace drupe::vfs
