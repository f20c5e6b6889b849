// SPDX-License-Identifier: BSD-2-Clause
// Open files: what a descriptor points to. Kinds (regular file, pipe end, terminal, directory …)
// are subclasses; the system calls see only this interface.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/relaxed.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/mm/mapped_file.h>
#include <drupe/mm/vm_object.h>
#include <drupe/sched/mutex.h>
#include <drupe/vfs/async.h>
#include <drupe/vfs/dentry.h>
#include <drupe/vfs/inode.h>
#include <drupe/vfs/io_buffer.h>
#include <drupe/vfs/poll.h>
#include <drupe/vfs/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drupe::vfs {

/// lseek's whence.
enum Whence : int { seek_set = 0, seek_current, seek_end, seek_data, seek_hole };

class EpollFile;
struct EpollEntry;

class File : public mm::MappedFile {
public:
    ~File() override;
    /// As the base's, without its virtual call: files are closed often, mappings dropped rarely.
    void release() const {
        if (release_is_last()) const_cast<File*>(this)->destroy_self();
    }
    /// The file behind a mapping.
    static File& of(mm::MappedFile& mapped) { return static_cast<File&>(mapped); }

    /// At the file position. Bytes moved, 0 at the end of file. Errc::restart when a signal ended
    /// the wait before anything moved. The defaults go through read_at/write_at and keep the
    /// position, one caller at a time; streams (pipes, terminals) override them.
    virtual Result<std::size_t> read(IoBuffer& buffer);
    virtual Result<std::size_t> write(IoBuffer& buffer);
    /// At an offset. illegal_seek by default.
    virtual Result<std::size_t> read_at(IoBuffer& buffer, std::uint64_t offset);
    /// `append`: at the end of the file whatever `offset` is; returns the bytes, and through
    /// `offset` where they went.
    virtual Result<std::size_t> write_at(IoBuffer& buffer, std::uint64_t& offset, bool append);
    /// illegal_seek by default.
    virtual Result<std::uint64_t> seek(std::int64_t offset, int whence);
    /// not_terminal by default. `argument` is what the program passed, mostly an address.
    virtual Result<std::uint64_t> ioctl(std::uint32_t request, std::uint64_t argument);
    /// What is ready now. With a watcher, first names to it every queue whose wake-up can change
    /// that. Default: always readable and writable, as Linux's files without poll.
    virtual std::uint32_t poll(PollWatcher* watcher);
    /// epoll takes only files that can wait.
    virtual bool can_poll() const { return false; }
    /// Names the class, for calls that are for one kind of file only: see file_as().
    virtual const void* tag() const { return nullptr; }
    /// This file as an epoll, or null. Defined in epoll.h.
    EpollFile* as_epoll();
    /// Memory for mmap. wrong_device by default; access when the open mode does not allow it.
    virtual Result<RefPtr<mm::VmObject>> mappable(bool shared, bool writable);
    /// attach() and detach() are wanted for shared mappings that may be written to.
    virtual bool hears_of_mappings() const { return false; }
    /// Does it want to hear of writes through shared mappings (written())?
    virtual bool tells_mapped_writes() const { return false; }
    virtual Result<void> sync(bool data_only);
    /// getdents. not_directory by default.
    virtual Result<void> read_directory(DirectorySink& sink);
    virtual Result<void> truncate(std::uint64_t size);
    /// mode: fallocate's. not_supported by default.
    virtual Result<void> allocate(int mode, std::uint64_t offset, std::uint64_t length);
    /// The last descriptor of one table went (close): errors of delayed writing.
    virtual Result<void> flush() { return {}; }
    /// O_NONBLOCK, O_APPEND, O_DIRECT, O_NOATIME changed by fcntl. Default: taken.
    virtual Result<void> set_flags(std::uint32_t flags);
    /// O_ASYNC: the owner is to be signalled when something becomes possible, or (null) no longer.
    /// A file that accepts takes itself off its AsyncFiles in its destructor, and marks itself with
    /// mark_async(). not_terminal by default: nothing is ever told.
    virtual Result<void> set_async(const AsyncRequest*) { return Errc::not_terminal; }

    Dentry& dentry() const { return *dentry_; }
    Inode& inode() const { return *inode_; }
    std::uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
    bool is_readable() const { return (mode_ & can_read) != 0; }
    bool is_writable() const { return (mode_ & can_write) != 0; }
    bool is_path_only() const { return (mode_ & path_only) != 0; }
    bool is_nonblocking() const { return (flags() & open_nonblock) != 0; }
    bool is_append() const { return (flags() & open_append) != 0; }
    std::uint64_t position() const { return position_; }

    /// A regular file open for writing, or being executed, until the file goes. text_busy.
    Result<void> claim_writing();
    Result<void> claim_executing();

protected:
    /// Takes its own reference to `dentry`, which has an inode.
    File(Dentry& dentry, std::uint32_t flags);

    /// The answer of set_async(): what was `set` shows in flags().
    Result<void> mark_async(Result<void> set, bool on);

    Dentry* dentry_;
    Inode* inode_; // the dentry's
    std::atomic<std::uint32_t> flags_;
    enum : std::uint8_t {
        can_read = 1,
        can_write = 2,
        path_only = 4,
        counts_as_writer = 8,
        denies_writers = 16,
        is_epoll = 32, // an EpollFile
    };
    std::uint8_t mode_;
    std::uint64_t position_ = 0;
    sched::Mutex position_mutex_;

private:
    friend class EpollFile;
    Result<std::size_t> read_on(IoBuffer& buffer);
    Result<std::size_t> write_on(IoBuffer& buffer);
    void destroy_self() final {
        if (inode_->is_watched()) [[unlikely]]
            tell_closed();
        // Acquire pairs with the release of the epoll that let go of the file last.
        if (epoll_entries_.load(std::memory_order_acquire)) forget_watches(*this);
        delete this;
    }
    void tell_closed() const;
    /// Takes the file out of every epoll that watches it.
    static void forget_watches(File& file);
    std::atomic<EpollEntry*> epoll_entries_{nullptr}; // under the epolls' links mutex

public:
    // fcntl's F_SETOWN and friends: process/file_owner.h knows what they mean.
    struct Owner {
        std::int32_t id;
        std::uint8_t type;
        std::uint32_t uid, euid; // who named it
    };
    /// Nobody that was named since is told in the name of who named somebody before.
    Owner owner() const {
        const std::int32_t id = owner_id_.load(std::memory_order_acquire);
        return {id, owner_type_, owner_uid_, owner_euid_};
    }
    void set_owner(const Owner& to) {
        owner_type_ = to.type;
        owner_uid_ = to.uid;
        owner_euid_ = to.euid;
        owner_id_.store(to.id, std::memory_order_release); // pairs with the acquire in owner()
    }
    Relaxed<std::int32_t> owner_signal{0};

private:
    std::atomic<std::int32_t> owner_id_{0};
    Relaxed<std::uint8_t> owner_type_{1};
    Relaxed<std::uint32_t> owner_uid_{0}, owner_euid_{0};
};

/// `file` as a T, which gives the address of its own `class_tag` as tag(); null: it is no T.
template <class T>
T* file_as(File& file) {
    return file.tag() == &T::class_tag ? static_cast<T*>(&file) : nullptr;
}

/// A file whose only use is being a path (O_PATH), and what opening a directory gives.
Result<RefPtr<File>> open_path_file(Dentry& dentry, std::uint32_t flags);
Result<RefPtr<File>> open_directory_file(Dentry& dentry, std::uint32_t flags);

/// A dentry and inode of the internal file system for files without a name: pipes, events, …
/// `name` is what /proc/self/fd shows, up to a ":[" inode "]" that is added when `numbered`. The
/// inode's number is `ino`, or one of its own.
inline constexpr std::uint64_t own_ino = ~std::uint64_t{0};
Result<RefPtr<Dentry>> create_anonymous(std::string_view name, std::uint32_t mode, bool numbered,
                                        std::uint64_t ino = own_ino);

} // namespace drupe::vfs
