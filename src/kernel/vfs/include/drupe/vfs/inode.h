// SPDX-License-Identifier: BSD-2-Clause
// A file as a thing, apart from its names: attributes, and what one can do with it. File systems
// derive from it; what a kind does not support has the error Linux gives as its default.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/relaxed.h>
#include <drupe/base/result.h>
#include <drupe/sched/mutex.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/time/clock.h>
#include <drupe/vfs/dentry.h>
#include <drupe/vfs/types.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::vfs {

class File;
class FileSystem;
class PagedInode;
class Pipe;
struct Credentials;
struct LockList;
struct TaskContext;

/// What a new node is to be.
struct NewNode {
    std::uint32_t mode = 0; // with its kind; umask applied
    std::uint32_t uid = 0, gid = 0;
    std::uint64_t device = 0;       // char and block
    std::string_view link_target{}; // symlink
};

/// Receives directory entries. False: full, come back with this entry's cookie.
class DirectorySink {
public:
    virtual bool add(std::string_view name, std::uint64_t ino, std::uint8_t type,
                     std::uint64_t next_cookie) = 0;

protected:
    ~DirectorySink() = default;
};

struct Attributes {
    std::uint64_t device, ino, rdev, size, blocks; // blocks of 512 bytes
    std::uint32_t mode, nlink, uid, gid, block_size;
    Timestamp atime, mtime, ctime, btime;
};

/// One change of attributes (chmod, chown, utimensat); fields not named stay.
struct AttributeChange {
    bool set_mode = false, set_uid = false, set_gid = false, set_atime = false, set_mtime = false;
    std::uint32_t mode = 0, uid = 0, gid = 0;
    Timestamp atime, mtime;
};

class Inode : public RefCounted<Inode> {
public:
    virtual ~Inode();
    static void destroy(Inode* inode) { delete inode; }

    std::uint32_t kind() const { return kind_of(mode()); }
    bool is_directory() const { return kind() == mode_directory; }
    bool is_regular() const { return kind() == mode_regular; }
    bool is_symlink() const { return kind() == mode_symlink; }
    std::uint32_t mode() const { return mode_; }
    std::uint32_t uid() const { return uid_; }
    std::uint32_t gid() const { return gid_; }
    std::uint32_t nlink() const { return nlink_; }
    std::uint64_t ino() const { return ino_; }
    std::uint64_t rdev() const { return rdev_; }
    FileSystem& fs() const { return *fs_; }

    virtual Attributes attributes();
    /// Permission was checked. Also sets ctime.
    virtual Result<void> change(const AttributeChange& change);
    virtual std::uint64_t size() const { return 0; }
    /// Itself, when its bytes live in pages (paged_file.h).
    virtual PagedInode* as_paged() { return nullptr; }

    /// Opens it. `flags` are OpenFlag; permission was checked. May sleep (a FIFO waits for its
    /// other end). Default: by kind — directory, FIFO, device; no_device for a socket.
    virtual Result<RefPtr<File>> open(Dentry& dentry, std::uint32_t flags);
    /// Regular files. invalid for others.
    virtual Result<void> truncate(std::uint64_t size);

    /// Symlinks: the target, stable while the inode lives. `scratch` (4096 bytes) holds a target
    /// that is made up when asked for.
    virtual Result<std::string_view> link_target(TaskContext& who, std::span<char> scratch);
    /// A link that leads to an object, not to a path (/proc/self/fd/N). Null: an ordinary link.
    virtual Result<RefPtr<Dentry>> follow(TaskContext& who);
    virtual bool is_magic_link() const { return false; }
    /// The number of the process whose directory in /proc this is; 0: it is none.
    virtual std::int32_t process() const { return 0; }

    // Directories. The caller holds mutex() of this directory (of both for rename).
    /// Only for file systems whose directories are not in the dentry table. A fresh dentry with
    /// its inode; not_found.
    virtual Result<RefPtr<Dentry>> lookup(Dentry& self, const Name& name);
    /// A new node under `at`, which has no inode yet; sets at's inode. The caller adds it to the
    /// table.
    virtual Result<void> create_entry(Dentry& at, const NewNode& node);
    virtual Result<void> link(Dentry& at, Inode& target);
    /// Removes a name that is no directory / an empty directory. not_empty.
    virtual Result<void> unlink(Dentry& entry);
    virtual Result<void> remove_directory(Dentry& entry);
    /// `replaced` may be null; `name` is the new one. Both directories are of one file system.
    virtual Result<void> rename(Dentry& entry, Inode& to_directory, const Name& name,
                                Dentry* replaced);
    virtual Result<void> exchange(Dentry& a, Inode& directory_of_b, Dentry& b);
    /// An inode without a name (O_TMPFILE, memfd).
    virtual Result<RefPtr<Inode>> create_unnamed(const NewNode& node);
    /// Entries after `cookie` (0: from the first), "." and ".." not among them.
    virtual Result<void> iterate(Dentry& self, std::uint64_t cookie, DirectorySink& sink);

    // Extended attributes; not_supported by default. Rights were checked.
    /// The value's bytes; without a name the names, a NUL behind each. With no room only how many
    /// there are. no_data; out_of_range: there is room, and too little.
    virtual Result<std::size_t> get_xattr(std::string_view name, std::span<std::byte> into);
    /// `flags`: setxattr's. exists, no_data.
    virtual Result<void> set_xattr(std::string_view name, std::span<const std::byte> value,
                                   std::uint32_t flags);
    virtual Result<void> remove_xattr(std::string_view name);

    sched::Mutex& mutex() RETURN_CAPABILITY(mutex_) { return mutex_; }

    /// relatime: the access time changes only when it says something wrong about later changes, or
    /// is a day old.
    void touch_atime() {
        if (time::now().ns >= atime_good_until_.load(std::memory_order_relaxed)) [[unlikely]]
            update_atime();
    }
    void touch_modified() {
        SpinGuard guard(times_lock_);
        mtime_ = ctime_ = wall_now();
        forget_atime_good();
    }
    void touch_changed() {
        SpinGuard guard(times_lock_);
        ctime_ = wall_now();
        forget_atime_good();
    }

    void add_link() { nlink_++; }
    void drop_link() { nlink_--; }

    /// Writers against running programs: a file open for writing cannot be executed and the other
    /// way round (text_busy).
    Result<void> add_writer();
    void remove_writer() { writers_.fetch_sub(1, std::memory_order_relaxed); }
    Result<void> deny_writers();
    void allow_writers() { writers_.fetch_add(1, std::memory_order_relaxed); }

    /// FIFOs: the bytes between the ends that are open now; null when none is.
    Pipe* pipe GUARDED_BY(mutex()) = nullptr;
    /// Has no name yet and may get one (O_TMPFILE). A file whose last name is gone may not.
    bool is_linkable = false;

    /// Somebody watches it, or perhaps a directory with a name of it (notify.h).
    enum Watched : std::uint8_t { watched_itself = 1, watched_as_child = 2 };
    bool is_watched() const { return watched_.load(std::memory_order_relaxed) != 0; }
    void set_watched(Watched how) { watched_.fetch_or(how, std::memory_order_relaxed); }
    void clear_watched(Watched how) {
        watched_.fetch_and(static_cast<std::uint8_t>(~how), std::memory_order_relaxed);
    }

private:
    std::atomic<std::uint8_t> watched_{0};

public:
    /// Record and flock locks, created when first used (record_lock.cc).
    std::atomic<LockList*> locks{nullptr};

protected:
    Inode(FileSystem& fs, std::uint64_t ino, const NewNode& node);

    FileSystem* fs_;
    std::uint64_t ino_;
    std::uint64_t rdev_;
    Relaxed<std::uint32_t> mode_, uid_, gid_, nlink_;
    void update_atime();
    void forget_atime_good() { atime_good_until_.store(0, std::memory_order_relaxed); }

    // A time is two words: whoever reads it without the inode's mutex finds both of one time.
    SpinLock<LockRank::timestamps> times_lock_;
    Timestamp atime_ GUARDED_BY(times_lock_), mtime_ GUARDED_BY(times_lock_),
        ctime_ GUARDED_BY(times_lock_);
    Timestamp btime_;
    /// Until this monotonic time, in nanoseconds, a read leaves atime_ as it is.
    std::atomic<std::int64_t> atime_good_until_{0};
    std::atomic<std::int32_t> writers_{0};
    sched::Mutex mutex_;
};

/// Permission bits asked of an inode.
enum Access : unsigned { access_execute = 1, access_write = 2, access_read = 4 };
/// access, or read_only. By the effective ids.
Result<void> check_access(const Inode& inode, const Credentials& who, unsigned wanted);

} // namespace drupe::vfs
