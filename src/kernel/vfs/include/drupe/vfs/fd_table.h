// SPDX-License-Identifier: BSD-2-Clause
// Descriptors of a process. A table that only one thread uses hands out files without counting a
// reference: nobody else can close them while a call runs. One that several use is looked at without
// its lock, in a ReadSection; who takes a file out waits for those before it drops the reference.
// Invariant: a set bit in `open_` means the number is taken, with a file or reserved for one.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/vfs/file.h>

#include <cstddef>
#include <cstdint>

namespace drupe::vfs {

/// A file for the time of one call.
class FileRef {
public:
    FileRef(File* file, bool counted) : file_(file), counted_(counted) {}
    FileRef(FileRef&& other) noexcept
        : file_(std::exchange(other.file_, nullptr)), counted_(other.counted_) {}
    FileRef& operator=(FileRef&&) = delete;
    ~FileRef() {
        if (counted_ && file_) file_->release();
    }
    File* get() const { return file_; }
    File& operator*() const { return *file_; }
    File* operator->() const { return file_; }
    explicit operator bool() const { return file_ != nullptr; }

private:
    File* file_;
    bool counted_;
};

class FdTable : public RefCounted<FdTable> {
public:
    static constexpr std::uint32_t most = 1u << 20; // fs/nr_open

    static Result<RefPtr<FdTable>> create();
    static void destroy(FdTable* table) { delete table; }
    ~FdTable();
    /// The same files at the same numbers, in a table of its own (fork). no_memory.
    Result<RefPtr<FdTable>> clone();
    /// exec: closes what is marked close-on-exec.
    void close_on_exec();
    /// Drops every file (exit). The table may still be referenced.
    void close_all();

    /// A null FileRef when there is no such descriptor.
    FileRef get(std::uint32_t fd) {
        if (use_count() == 1) [[likely]]
            return {only_user_get(fd), false};
        return {get_counted(fd), true};
    }
    /// The file without a FileRef, for as long as the call runs, when only the caller uses the
    /// table; null otherwise, and when there is no such descriptor.
    File* get_uncounted(std::uint32_t fd) {
        return use_count() == 1 ? only_user_get(fd) : nullptr;
    }
    /// A reference that outlives the call. Null when there is none.
    RefPtr<File> get_ref(std::uint32_t fd) { return RefPtr<File>::adopt(get_counted(fd)); }

    /// The lowest free number from `from` on. too_many_files at `limit`; no_memory.
    Result<std::uint32_t> install(RefPtr<File> file, bool close_on_exec, std::uint64_t limit,
                                  std::uint32_t from = 0);
    /// Two steps for calls that must not fail after they made a file known.
    Result<std::uint32_t> reserve(bool close_on_exec, std::uint64_t limit, std::uint32_t from = 0);
    void fill(std::uint32_t reserved, RefPtr<File> file);
    void unreserve(std::uint32_t reserved);
    /// dup2/dup3: puts `file` at `fd`, closing what was there. bad_descriptor beyond the limit;
    /// busy when the number is reserved by another thread.
    Result<void> install_at(std::uint32_t fd, RefPtr<File> file, bool close_on_exec,
                            std::uint64_t limit);
    /// bad_descriptor, or what File::flush says.
    Result<void> close(std::uint32_t fd);
    /// close_range without UNSHARE; `mark` sets close-on-exec instead.
    void close_range(std::uint32_t first, std::uint32_t last, bool mark);

    /// bad_descriptor.
    Result<bool> is_close_on_exec(std::uint32_t fd);
    Result<void> set_close_on_exec(std::uint32_t fd, bool on);

    /// The lowest open descriptor >= fd, or none (for /proc/self/fd).
    static constexpr std::uint32_t none = ~0u;
    std::uint32_t next_open(std::uint32_t fd);

private:
    static constexpr std::uint32_t first_capacity = 64;
    FdTable() = default;
    File* only_user_get(std::uint32_t fd) NO_THREAD_SAFETY_ANALYSIS {
        return fd < capacity_ ? files_[fd] : nullptr;
    }
    /// With a reference for the caller; null when there is none.
    File* get_counted(std::uint32_t fd);
    Result<void> grow(std::uint32_t fd);
    Result<std::uint32_t> reserve_locked(bool close_on_exec, std::uint64_t limit,
                                         std::uint32_t from) REQUIRES(lock_);
    File* remove_locked(std::uint32_t fd) REQUIRES(lock_);
    void mark_locked(std::uint32_t fd, bool close_on_exec) REQUIRES(lock_);
    void wait_for_others();
    void finish_close(File* file, Result<void>* outcome);
    File* file_at(std::uint32_t fd) REQUIRES(lock_) {
        return fd < capacity_ ? files_[fd] : nullptr;
    }
    void put_locked(std::uint32_t fd, File* file) REQUIRES(lock_);

    SpinLock<LockRank::fd_table> lock_;
    // These two and the array are written as atomics (atomic_ref), for those who look without the
    // lock; the array first, so whoever knows a capacity finds an array as large.
    std::uint32_t capacity_ GUARDED_BY(lock_) = first_capacity;
    File** files_ GUARDED_BY(lock_) = first_files_;
    std::uint32_t lowest_free_ GUARDED_BY(lock_) = 0; // no free number below it
    std::uint64_t* open_ GUARDED_BY(lock_) = &first_bits_[0];
    std::uint64_t* cloexec_ GUARDED_BY(lock_) = &first_bits_[1];
    File* first_files_[first_capacity] = {};
    std::uint64_t first_bits_[2] = {};
};

} // namespace drupe::vfs
