// SPDX-License-Identifier: BSD-2-Clause
// What a file call knows about its caller. The process room owns the parts and the system-call room
// puts them together; the file room only reads them.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/relaxed.h>
#include <drupe/base/result.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/vfs/dentry.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::vfs {

class FdTable;

/// Who asks. `groups` borrows the process's list, which stays while a call runs.
struct Credentials {
    std::uint32_t uid = 0, gid = 0;                     // real: what access(2) judges by
    std::uint32_t effective_uid = 0, effective_gid = 0; // what file access is judged by
    std::span<const std::uint32_t> groups;

    bool is_root() const { return effective_uid == 0; }
    bool is_member(std::uint32_t group) const;
};

/// Root, working directory and umask; shared by threads cloned with CLONE_FS.
class FsContext : public RefCounted<FsContext> {
public:
    /// Both directories begin at `root`. no_memory.
    static Result<RefPtr<FsContext>> create(RefPtr<Dentry> root);
    /// A copy with a life of its own (fork). no_memory.
    Result<RefPtr<FsContext>> clone();
    static void destroy(FsContext* context) { delete context; }

    RefPtr<Dentry> root() { return read(root_); }
    RefPtr<Dentry> cwd() { return read(cwd_); }
    void set_root(RefPtr<Dentry> directory) { write(root_, std::move(directory)); }
    void set_cwd(RefPtr<Dentry> directory) { write(cwd_, std::move(directory)); }
    std::uint32_t umask() const { return umask_; }
    std::uint32_t set_umask(std::uint32_t mask) { return umask_.exchange(mask & 0777); }

private:
    /// An unshared context is only ever touched by its own thread: no lock then.
    RefPtr<Dentry> read(const RefPtr<Dentry>& from) {
        if (use_count() == 1) return from;
        SpinGuard guard(lock_);
        return from;
    }
    void write(RefPtr<Dentry>& to, RefPtr<Dentry> value);
    FsContext(RefPtr<Dentry> root, RefPtr<Dentry> cwd, std::uint32_t umask);
    ~FsContext();

    SpinLock<LockRank::fd_table> lock_;
    RefPtr<Dentry> root_, cwd_;
    Relaxed<std::uint32_t> umask_;
};

/// What one call needs to know. Borrowed: all of it stays while the call runs.
struct TaskContext {
    FdTable* files = nullptr;
    FsContext* fs = nullptr;
    Credentials credentials;
    std::uint64_t max_descriptors = 1024;             // RLIMIT_NOFILE, soft
    std::uint64_t max_file_bytes = ~std::uint64_t{0}; // RLIMIT_FSIZE, soft
};

} // namespace drupe::vfs
