// SPDX-License-Identifier: BSD-2-Clause
// A file that is open on a message queue, by mq_open or by its path: reading tells about the queue,
// messages go only through the calls that are for them.
#include <drupe/ipc/queue_files.h>
#include <drupe/process/user_thread.h>
#include <drupe/vfs/io_buffer.h>
#include <drupe/vfs/poll.h>

#include <algorithm>

namespace drupe::ipc {

Result<RefPtr<vfs::File>> MessageQueue::open(vfs::Dentry& dentry, std::uint32_t flags) {
    RefPtr<vfs::File> file = TRY(make_ref<MessageFile>(dentry, flags));
    return file;
}

Result<void> MessageFile::send(Message& message, const sched::Deadline& deadline) {
    return queue().send(message, deadline, !is_nonblocking());
}

Result<Message*> MessageFile::receive(const sched::Deadline& deadline) {
    return queue().receive(deadline, !is_nonblocking());
}

Result<std::size_t> MessageFile::read_at(vfs::IoBuffer& buffer, std::uint64_t offset) {
    char line[80];
    const std::string_view text = queue().describe(line);
    if (offset >= text.size() || buffer.size() == 0) return std::size_t{0};
    const std::string_view rest = text.substr(offset);
    const std::size_t moved = TRY(buffer.put(rest.data(), std::min(rest.size(), buffer.size())));
    vfs::AttributeChange read_now;
    read_now.set_atime = true;
    read_now.atime = vfs::wall_now();
    TRY(queue().change(read_now));
    return moved;
}

Result<std::size_t> MessageFile::write_at(vfs::IoBuffer&, std::uint64_t&, bool) {
    return Errc::invalid;
}

Result<std::uint64_t> MessageFile::seek(std::int64_t offset, int whence) {
    sched::MutexGuard guard(position_mutex_);
    const auto size = static_cast<std::int64_t>(queue().size());
    switch (whence) {
    case vfs::seek_set: break;
    case vfs::seek_current: offset += static_cast<std::int64_t>(position_); break;
    case vfs::seek_end: offset += size; break;
    case vfs::seek_data:
    case vfs::seek_hole:
        if (offset < 0 || offset >= size) return Errc::no_device;
        if (whence == vfs::seek_hole) offset = size;
        break;
    default: return Errc::invalid;
    }
    if (offset < 0) return Errc::invalid;
    position_ = static_cast<std::uint64_t>(offset);
    return position_;
}

std::uint32_t MessageFile::poll(vfs::PollWatcher* watcher) {
    if (watcher) {
        watcher->watch(queue().readable);
        watcher->watch(queue().writable);
    }
    return (queue().count() != 0 ? vfs::poll_in | vfs::poll_rdnorm : 0u) |
           (queue().is_full() ? 0u : vfs::poll_out | vfs::poll_wrnorm);
}

Result<void> MessageFile::truncate(std::uint64_t size) { return queue().truncate(size); }
Result<void> MessageFile::allocate(int, std::uint64_t, std::uint64_t) {
    return Errc::not_supported;
}

Result<void> MessageFile::flush() {
    queue().forget(process::current_process());
    return {};
}

} // namespace drupe::ipc
