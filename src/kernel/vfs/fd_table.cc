// SPDX-License-Identifier: BSD-2-Clause
// Descriptor tables: bitmaps for the numbers, an array for the files. Files are released outside
// the lock, because closing may sleep.
#include <drupe/vfs/fd_table.h>

#include <drupe/sched/cpu.h>
#include <drupe/sync/read_section.h>
#include <drupe/vfs/record_lock.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <new>

namespace drupe::vfs {
namespace {

constexpr std::uint64_t bit(std::uint32_t fd) { return std::uint64_t{1} << (fd & 63); }

/// The lowest clear bit at or above `from`; `capacity` when all are set.
std::uint32_t first_clear(const std::uint64_t* bits, std::uint32_t from, std::uint32_t capacity) {
    while (from < capacity) {
        const std::uint64_t free = ~bits[from >> 6] & (~std::uint64_t{0} << (from & 63));
        if (free != 0) return (from & ~63u) + static_cast<std::uint32_t>(std::countr_zero(free));
        from = (from & ~63u) + 64;
    }
    return capacity;
}

} // namespace

Result<RefPtr<FdTable>> FdTable::create() {
    auto* table = new (std::nothrow) FdTable;
    if (!table) return Errc::no_memory;
    return RefPtr<FdTable>::adopt(table);
}

FdTable::~FdTable() {
    close_all();
    if (files_ != first_files_) ::operator delete(files_);
}

/// Makes room for number `fd`. Called and returns without the lock.
Result<void> FdTable::grow(std::uint32_t fd) {
    const std::uint32_t wanted = std::bit_ceil(std::max(fd + 1, 2 * first_capacity));
    const std::size_t words = wanted / 64;
    const std::size_t bytes = wanted * sizeof(File*) + 2 * words * sizeof(std::uint64_t);
    void* memory = ::operator new(bytes, std::nothrow);
    if (!memory) return Errc::no_memory;
    std::memset(memory, 0, bytes);
    auto** replaced = static_cast<File**>(memory);
    auto* open = reinterpret_cast<std::uint64_t*>(replaced + wanted);
    {
        SpinGuard guard(lock_);
        if (capacity_ < wanted) { // else another thread was faster
            std::memcpy(replaced, files_, capacity_ * sizeof(File*));
            std::memcpy(open, open_, capacity_ / 8);
            std::memcpy(open + words, cloexec_, capacity_ / 8);
            open_ = open;
            cloexec_ = open + words;
            // Release: who finds the new array finds it filled, and who finds its length the array.
            replaced = std::atomic_ref(files_).exchange(replaced, std::memory_order_release);
            std::atomic_ref(capacity_).store(wanted, std::memory_order_release);
        }
    }
    if (replaced == first_files_) return {};
    wait_for_others();
    ::operator delete(replaced);
    return {};
}

// Not analysed: nobody else knows the copy, so its own lock is not taken.
Result<RefPtr<FdTable>> FdTable::clone() NO_THREAD_SAFETY_ANALYSIS {
    RefPtr<FdTable> copy = TRY(create());
    for (;;) {
        const std::uint32_t needed = [this] {
            SpinGuard guard(lock_);
            return capacity_;
        }();
        if (copy->capacity_ < needed) TRY(copy->grow(needed - 1));
        SpinGuard guard(lock_);
        if (copy->capacity_ < capacity_) continue;
        // Reserved numbers without a file yet are not the copy's.
        for (std::uint32_t fd = 0; fd < capacity_; fd++) {
            File* file = file_at(fd);
            if (!file) continue;
            file->retain();
            copy->files_[fd] = file;
            copy->open_[fd >> 6] |= bit(fd);
            if (cloexec_[fd >> 6] & bit(fd)) copy->cloexec_[fd >> 6] |= bit(fd);
        }
        copy->lowest_free_ = first_clear(copy->open_, 0, copy->capacity_);
        return copy;
    }
}

File* FdTable::get_counted(std::uint32_t fd) NO_THREAD_SAFETY_ANALYSIS {
    const ReadSection section;
    // Acquire pairs with the releases in grow() and put_locked().
    if (fd >= std::atomic_ref(capacity_).load(std::memory_order_acquire)) return nullptr;
    File** files = std::atomic_ref(files_).load(std::memory_order_acquire);
    File* file = std::atomic_ref(files[fd]).load(std::memory_order_acquire);
    if (file) file->retain(); // the table's own is dropped behind wait_for_others()
    return file;
}

/// Release: whoever finds the file finds it complete.
void FdTable::put_locked(std::uint32_t fd, File* file) {
    std::atomic_ref(files_[fd]).store(file, std::memory_order_release);
}

/// Nobody looks any more at what was taken out of the table. Without the lock.
void FdTable::wait_for_others() {
    if (use_count() != 1) sched::wait_for_readers();
}

Result<std::uint32_t> FdTable::reserve_locked(bool close_on_exec, std::uint64_t limit,
                                              std::uint32_t from) {
    const std::uint32_t begin = std::max(from, lowest_free_);
    const bool is_free = begin < capacity_ && (open_[begin >> 6] & bit(begin)) == 0;
    const std::uint32_t fd = is_free ? begin : first_clear(open_, begin, capacity_);
    if (fd >= std::min<std::uint64_t>(limit, most)) return Errc::too_many_files;
    if (fd >= capacity_) return Errc::out_of_range;
    open_[fd >> 6] |= bit(fd);
    mark_locked(fd, close_on_exec);
    if (from <= lowest_free_) lowest_free_ = fd + 1;
    return fd;
}

Result<std::uint32_t> FdTable::reserve(bool close_on_exec, std::uint64_t limit,
                                       std::uint32_t from) {
    for (;;) {
        std::uint32_t needed = 0;
        {
            SpinGuard guard(lock_);
            const Result<std::uint32_t> fd = reserve_locked(close_on_exec, limit, from);
            if (fd.ok() || fd.error() != Errc::out_of_range) return fd;
            needed = std::max(from, capacity_);
        }
        TRY(grow(needed));
    }
}

void FdTable::fill(std::uint32_t reserved, RefPtr<File> file) {
    SpinGuard guard(lock_);
    DRUPE_ASSERT(file_at(reserved) == nullptr);
    put_locked(reserved, file.leak());
}

void FdTable::unreserve(std::uint32_t reserved) {
    SpinGuard guard(lock_);
    (void)remove_locked(reserved);
}

Result<std::uint32_t> FdTable::install(RefPtr<File> file, bool close_on_exec, std::uint64_t limit,
                                       std::uint32_t from) {
    {
        SpinGuard guard(lock_);
        const Result<std::uint32_t> fd = reserve_locked(close_on_exec, limit, from);
        if (fd.ok()) [[likely]] {
            put_locked(fd.value(), file.leak());
            return fd;
        }
        if (fd.error() != Errc::out_of_range) return fd;
    }
    const std::uint32_t fd = TRY(reserve(close_on_exec, limit, from));
    fill(fd, std::move(file));
    return fd;
}

File* FdTable::remove_locked(std::uint32_t fd) {
    open_[fd >> 6] &= ~bit(fd);
    lowest_free_ = std::min(lowest_free_, fd);
    File* file = file_at(fd);
    std::atomic_ref(files_[fd]).store(nullptr, std::memory_order_relaxed);
    return file;
}

void FdTable::mark_locked(std::uint32_t fd, bool close_on_exec) {
    if (close_on_exec)
        cloexec_[fd >> 6] |= bit(fd);
    else
        cloexec_[fd >> 6] &= ~bit(fd);
}

void FdTable::finish_close(File* file, Result<void>* outcome) {
    // POSIX: closing any descriptor of a file gives back this process's record locks on it.
    if (file->inode().locks.load(std::memory_order_relaxed)) // else there is none of ours
        release_record_locks(file->inode(), this);
    Result<void> flushed = file->flush();
    if (outcome) *outcome = flushed;
    wait_for_others();
    file->release();
}

Result<void> FdTable::close(std::uint32_t fd) {
    File* file = nullptr;
    {
        SpinGuard guard(lock_);
        if (!file_at(fd)) return Errc::bad_descriptor;
        file = remove_locked(fd);
    }
    Result<void> outcome;
    finish_close(file, &outcome);
    return outcome;
}

Result<void> FdTable::install_at(std::uint32_t fd, RefPtr<File> file, bool close_on_exec,
                                 std::uint64_t limit) {
    if (fd >= std::min<std::uint64_t>(limit, most)) return Errc::bad_descriptor;
    File* old = nullptr;
    for (;;) {
        {
            SpinGuard guard(lock_);
            if (fd < capacity_) {
                old = file_at(fd);
                if (!old && (open_[fd >> 6] & bit(fd))) return Errc::busy;
                put_locked(fd, file.leak());
                open_[fd >> 6] |= bit(fd);
                mark_locked(fd, close_on_exec);
                break;
            }
        }
        TRY(grow(fd));
    }
    if (old) finish_close(old, nullptr);
    return {};
}

void FdTable::close_range(std::uint32_t first, std::uint32_t last, bool mark) {
    for (std::uint32_t fd = next_open(first); fd != none && fd <= last;
         fd = fd == none - 1 ? none : next_open(fd + 1)) {
        if (mark)
            (void)set_close_on_exec(fd, true);
        else
            (void)close(fd);
    }
}

void FdTable::close_on_exec() {
    for (std::uint32_t fd = next_open(0); fd != none; fd = next_open(fd + 1)) {
        const Result<bool> marked = is_close_on_exec(fd);
        if (marked.ok() && marked.value()) (void)close(fd);
    }
}

void FdTable::close_all() { close_range(0, most, false); }

Result<bool> FdTable::is_close_on_exec(std::uint32_t fd) {
    SpinGuard guard(lock_);
    if (!file_at(fd)) return Errc::bad_descriptor;
    return (cloexec_[fd >> 6] & bit(fd)) != 0;
}

Result<void> FdTable::set_close_on_exec(std::uint32_t fd, bool on) {
    SpinGuard guard(lock_);
    if (!file_at(fd)) return Errc::bad_descriptor;
    mark_locked(fd, on);
    return {};
}

std::uint32_t FdTable::next_open(std::uint32_t fd) {
    SpinGuard guard(lock_);
    for (; fd < capacity_; fd++) {
        const std::uint64_t rest = open_[fd >> 6] >> (fd & 63);
        if (rest == 0) {
            fd |= 63;
            continue;
        }
        fd += static_cast<std::uint32_t>(std::countr_zero(rest));
        if (file_at(fd)) return fd;
    }
    return none;
}

} // namespace drupe::vfs
