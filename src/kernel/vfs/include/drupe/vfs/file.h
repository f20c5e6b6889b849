// SPDX-License-Identifier: BSD-2-Clause
// Open files: what a descriptor points to. Kinds (regular file, pipe end, terminal, directory …)
// are subclasses; the system calls see only this interface.
#pragma once

#include <drupe/arch/user_access.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/mm/vm_object.h>
#include <drupe/sched/wait_queue.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::vfs {

class Inode;
class Dentry;

/// Where read and write put and take bytes: the program's memory or the kernel's.
class IoBuffer {
public:
    static IoBuffer user(VirtAddr at, std::size_t bytes) { return {raw(at), bytes, true}; }
    static IoBuffer kernel(void* at, std::size_t bytes) {
        return {reinterpret_cast<std::uint64_t>(at), bytes, false};
    }
    std::size_t size() const { return bytes_; }
    /// Moves up to `bytes` from the front of the buffer; shortens it by what moved. fault when not
    /// even one byte could be moved.
    Result<std::size_t> put(const void* from, std::size_t bytes); // into the buffer (read path)
    Result<std::size_t> take(void* to, std::size_t bytes);        // out of the buffer (write path)
    Result<std::size_t> put_zeros(std::size_t bytes);

private:
    IoBuffer(std::uint64_t at, std::size_t bytes, bool user)
        : at_(at), bytes_(bytes), user_(user) {}
    std::uint64_t at_;
    std::size_t bytes_;
    bool user_;
};

/// Linux's poll bits, the same on every architecture.
enum PollEvents : std::uint32_t {
    poll_in = 1,
    poll_pri = 2,
    poll_out = 4,
    poll_err = 8,
    poll_hup = 16,
    poll_rdhup = 0x2000
};

/// The generic Linux open-flag values of arm64 ([linux] asm/fcntl.h) live in
/// kernel/vfs/open_flags.h.
class File : public RefCounted<File> {
public:
    virtual ~File();
    static void destroy(File* file) { delete file; }

    /// At the file position / at an offset. Bytes moved, 0 at the end of file.
    virtual Result<std::size_t> read(IoBuffer& buffer);
    virtual Result<std::size_t> write(IoBuffer& buffer);
    virtual Result<std::size_t> read_at(IoBuffer& buffer,
                                        std::uint64_t offset); // illegal_seek by default
    virtual Result<std::size_t> write_at(IoBuffer& buffer,
                                         std::uint64_t offset);          // illegal_seek by default
    virtual Result<std::uint64_t> seek(std::int64_t offset, int whence); // illegal_seek by default
    virtual Result<std::uint64_t> ioctl(std::uint32_t request,
                                        std::uint64_t argument); // not_terminal
    /// What is ready now. With a waiter, also registers it on every queue whose wake-up can change
    /// that.
    virtual std::uint32_t poll(sched::Waiter* waiter);
    /// Memory for mmap. wrong_device by default.
    virtual Result<RefPtr<mm::VmObject>> mappable(bool shared, bool writable);
    virtual Result<void> sync(bool data_only);

    Inode* inode() const { return inode_; }
    Dentry* dentry() const { return dentry_; }
    std::uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
    bool is_readable() const;
    bool is_writable() const;
    bool is_nonblocking() const;

protected:
    Inode* inode_ = nullptr;   // referenced
    Dentry* dentry_ = nullptr; // referenced; null for pipes and the like
    std::atomic<std::uint32_t> flags_{0};
};

} // namespace drupe::vfs
