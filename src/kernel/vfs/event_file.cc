// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/sched/wait_queue.h>
#include <drupe/vfs/event_file.h>

namespace drupe::vfs {
namespace {

class EventFile final : public File {
public:
    EventFile(Dentry& dentry, std::uint32_t flags, std::uint64_t initial, EventReads reads)
        : File(dentry, flags), count_(initial), reads_(reads) {}
    Result<std::size_t> read(IoBuffer& buffer) override;
    Result<std::size_t> write(IoBuffer& buffer) override;
    Result<std::uint64_t> seek(std::int64_t, int) override { return std::uint64_t{0}; }
    std::uint32_t poll(PollWatcher* watcher) override;
    bool can_poll() const override { return true; }

private:
    static constexpr std::uint64_t most = ~std::uint64_t{0} - 1;
    // Both pass on what came before, and take over by the barrier of the wake-up that follows.
    /// 0: nothing to take.
    std::uint64_t try_take();
    bool try_add(std::uint64_t value);

    std::atomic<std::uint64_t> count_;
    const EventReads reads_;
    sched::WaitQueue readable_, writable_;
};

std::uint64_t EventFile::try_take() {
    std::uint64_t seen = count_.load(std::memory_order_relaxed);
    std::uint64_t taken = 0;
    do {
        if (seen == 0) return 0;
        taken = reads_ == EventReads::one ? 1 : seen;
    } while (!count_.compare_exchange_weak(seen, seen - taken, std::memory_order_release));
    return taken;
}

bool EventFile::try_add(std::uint64_t value) {
    std::uint64_t seen = count_.load(std::memory_order_relaxed);
    do
        if (most - seen < value) return false;
    while (!count_.compare_exchange_weak(seen, seen + value, std::memory_order_release));
    return true;
}

Result<std::size_t> EventFile::read(IoBuffer& buffer) {
    if (buffer.size() < 8) return Errc::invalid;
    for (;;) {
        if (const std::uint64_t taken = try_take()) {
            writable_.wake_all(poll_out);
            return buffer.put(&taken, sizeof taken);
        }
        if (is_nonblocking()) return Errc::would_block;
        TRY(readable_.wait_until([this] { return count_.load(std::memory_order_relaxed) != 0; }));
    }
}

Result<std::size_t> EventFile::write(IoBuffer& buffer) {
    if (buffer.size() < 8) return Errc::invalid;
    std::uint64_t value = 0;
    if (TRY(buffer.take(&value, sizeof value)) != sizeof value) return Errc::fault;
    if (value > most) return Errc::invalid;
    while (!try_add(value)) {
        if (is_nonblocking()) return Errc::would_block;
        TRY(writable_.wait_until(
            [&] { return most - count_.load(std::memory_order_relaxed) >= value; }));
    }
    readable_.wake_all(poll_in);
    return std::size_t{8};
}

std::uint32_t EventFile::poll(PollWatcher* watcher) {
    if (watcher) {
        watcher->watch(readable_);
        watcher->watch(writable_);
    }
    const std::uint64_t count = count_.load(std::memory_order_relaxed);
    return (count != 0 ? poll_in | poll_rdnorm : 0u) | (count < most ? poll_out | poll_wrnorm : 0u);
}

} // namespace

Result<RefPtr<File>> create_event_file(std::uint64_t initial, EventReads reads,
                                       std::uint32_t flags) {
    RefPtr<Dentry> dentry = TRY(create_anonymous("anon_inode:[eventfd]", 0600, false));
    RefPtr<File> file = TRY(make_ref<EventFile>(*dentry, flags | open_read_write, initial, reads));
    return file;
}

} // namespace drupe::vfs
