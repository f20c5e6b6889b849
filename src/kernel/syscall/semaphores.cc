// SPDX-License-Identifier: BSD-2-Clause
// semget and its family. [linux] ipc/sem.c, uapi/linux/sem.h, uapi/asm-generic/sembuf.h
#include "ipc_call.h"
#include "user_time.h"

#include <drupe/ipc/semaphores.h>
#include <drupe/syscall/handlers.h>

#include <new>

namespace drupe::syscall {

using Word = std::uint64_t;
using ipc::SemaphoreOp;
using ipc::SemaphoreSet;

namespace {

enum Command : int {
    get_last_pid = 11,
    get_value = 12,
    get_all = 13,
    get_waits_to_grow = 14,
    get_waits_for_zero = 15,
    set_value = 16,
    set_all = 17,
    set_status_at = 18,
    set_info = 19,
    set_status_of_any = 20,
};

struct UserStatus { // struct semid64_ds
    UserIpcOwner owner;
    std::int64_t operated_at, changed_at;
    std::uint64_t count, unused[2];
};
static_assert(sizeof(UserStatus) == 88);
static_assert(sizeof(SemaphoreOp) == 6);

/// An array on the heap.
template <class T>
class Array {
public:
    Result<void> allocate(std::size_t count) {
        items_ = new (std::nothrow) T[count]();
        count_ = count;
        return items_ ? Result<void>{} : Errc::no_memory;
    }
    Array() = default;
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() { delete[] items_; }
    std::span<T> items() { return {items_, count_}; }
    std::size_t bytes() const { return count_ * sizeof(T); }

private:
    T* items_ = nullptr;
    std::size_t count_ = 0;
};

Result<Word> put_info(VirtAddr to, bool use_instead) {
    struct UserInfo { // struct seminfo
        std::int32_t map, sets, semaphores, undos, each, operations, undo_entries;
        std::int32_t undo_bytes, most_value, most_adjustment;
    };
    const ipc::SemaphoreLimits& limits = ipc::semaphore_limits;
    const ipc::SemaphoreUse use = ipc::semaphore_use();
    const auto number = [](std::uint32_t n) { return static_cast<std::int32_t>(n); };
    constexpr int undo_bytes = 20; // what Linux says
    const UserInfo info{
        number(limits.all),        number(limits.sets),
        number(limits.all),        number(limits.all),
        number(limits.each),       number(limits.operations),
        number(limits.operations), use_instead ? number(use.sets) : undo_bytes,
        ipc::most_value,           use_instead ? number(use.semaphores) : ipc::most_value};
    TRY(arch::put_user(to, info));
    return static_cast<Word>(use.highest_index);
}

Result<Word> put_status(SemaphoreSet& set, VirtAddr to, std::uint32_t wanted, Word result) {
    UserStatus status{};
    {
        sched::MutexGuard guard(set.mutex);
        TRY(set.check_access(wanted));
        if (set.is_removed) return Errc::removed;
        status = {owner_of(set), set.operated(), set.changed, set.count, {}};
    }
    TRY(arch::put_user(to, status));
    return result;
}

Result<Word> set_owner(SemaphoreSet& set, const UserStatus& given) {
    sched::MutexGuard guard(set.mutex);
    TRY(set.check_owner());
    if (set.is_removed) return Errc::removed;
    set.set_owner(new_owner(given.owner));
    return Word{0};
}

Result<Word> set_one(SemaphoreSet& set, int number, int value) {
    if (number < 0 || static_cast<std::uint32_t>(number) >= set.count) return Errc::invalid;
    sched::MutexGuard guard(set.mutex);
    TRY(set.check_access(ipc::want_write));
    if (set.is_removed) return Errc::removed;
    const auto only = static_cast<std::uint16_t>(value);
    set.set_values(static_cast<std::uint32_t>(number), {&only, 1});
    return Word{0};
}

Result<Word> set_each(SemaphoreSet& set, VirtAddr from) {
    {
        sched::MutexGuard guard(set.mutex);
        TRY(set.check_access(ipc::want_write));
    }
    Array<std::uint16_t> values;
    TRY(values.allocate(set.count));
    TRY(arch::copy_from_user(values.items().data(), from, values.bytes()));
    for (std::uint16_t value : values.items())
        if (value > ipc::most_value) return Errc::out_of_range;
    sched::MutexGuard guard(set.mutex);
    if (set.is_removed) return Errc::removed;
    set.set_values(0, values.items());
    return Word{0};
}

Result<Word> put_each(SemaphoreSet& set, VirtAddr to) {
    Array<std::uint16_t> values;
    TRY(values.allocate(set.count));
    {
        sched::MutexGuard guard(set.mutex);
        TRY(set.check_access(ipc::want_read));
        if (set.is_removed) return Errc::removed;
        const std::span<SemaphoreSet::Semaphore> from = set.semaphores();
        for (std::size_t i = 0; i < from.size(); i++)
            values.items()[i] = static_cast<std::uint16_t>(from[i].value);
    }
    TRY(arch::copy_to_user(to, values.items().data(), values.bytes()));
    return Word{0};
}

Result<Word> look_at(SemaphoreSet& set, int number, int command) {
    sched::MutexGuard guard(set.mutex);
    TRY(set.check_access(ipc::want_read));
    if (number < 0 || static_cast<std::uint32_t>(number) >= set.count) return Errc::invalid;
    if (set.is_removed) return Errc::removed;
    const auto at = static_cast<std::uint32_t>(number);
    switch (command) {
    case get_last_pid: return static_cast<Word>(set.semaphores()[at].last_pid);
    case get_value: return static_cast<Word>(set.semaphores()[at].value);
    case get_waits_to_grow: return Word{set.waiters(at, SemaphoreSet::Waits::to_grow)};
    default: return Word{set.waiters(at, SemaphoreSet::Waits::for_zero)};
    }
}

Result<Word> operate(int id, VirtAddr ops_at, std::uint32_t count, Nanos deadline) {
    constexpr std::size_t few = 8;
    SemaphoreOp here[few];
    Array<SemaphoreOp> many;
    std::span<SemaphoreOp> ops = std::span(here).first(std::min<std::size_t>(count, few));
    if (count > few) {
        TRY(many.allocate(count));
        ops = many.items();
    }
    TRY(arch::copy_from_user(ops.data(), ops_at, ops.size_bytes()));
    RefPtr<SemaphoreSet> set = TRY(ipc::find_semaphores(id));
    TRY(set->operate(ops, deadline));
    return Word{0};
}

Result<void> check_operations(int id, std::uint32_t count) {
    if (count < 1 || id < 0) return Errc::invalid;
    return count > ipc::semaphore_limits.operations ? Errc::too_big : Result<void>{};
}

} // namespace

Result<Word> semget(int key, int count, int flags) {
    return static_cast<Word>(
        TRY(ipc::get_semaphores(key, count, static_cast<std::uint32_t>(flags))));
}

Result<Word> semctl(int id, int number, int command, Word argument) {
    if (id < 0) return Errc::invalid;
    const VirtAddr buffer{argument};
    switch (command) {
    case ipc_limits:
    case set_info: return put_info(buffer, command == set_info);
    case set_status_at:
    case set_status_of_any: {
        RefPtr<SemaphoreSet> set = TRY(ipc::semaphores_at(id));
        return put_status(*set, buffer,
                          command == set_status_at ? std::uint32_t{ipc::want_read} : 0,
                          static_cast<Word>(set->id));
    }
    case ipc_status: return put_status(*TRY(ipc::find_semaphores(id)), buffer, ipc::want_read, 0);
    case get_all: return put_each(*TRY(ipc::find_semaphores(id)), buffer);
    case set_all: return set_each(*TRY(ipc::find_semaphores(id)), buffer);
    case get_last_pid:
    case get_value:
    case get_waits_to_grow:
    case get_waits_for_zero: return look_at(*TRY(ipc::find_semaphores(id)), number, command);
    case set_value: {
        const int value = static_cast<int>(argument);
        if (value < 0 || value > ipc::most_value) return Errc::out_of_range;
        return set_one(*TRY(ipc::find_semaphores(id)), number, value);
    }
    case ipc_set: {
        const auto given = TRY(arch::get_user<UserStatus>(buffer));
        return set_owner(*TRY(ipc::find_semaphores(id)), given);
    }
    case ipc_remove: TRY(TRY(ipc::find_semaphores(id))->remove()); return Word{0};
    default: return Errc::invalid;
    }
}

Result<Word> semop(int id, VirtAddr ops, std::uint32_t count) {
    TRY(check_operations(id, count));
    return operate(id, ops, count, Nanos::never());
}

Result<Word> semtimedop(int id, VirtAddr ops, std::uint32_t count, VirtAddr timeout) {
    Nanos deadline = Nanos::never();
    if (raw(timeout) != 0) {
        const auto given = TRY(arch::get_user<UserTimespec>(timeout));
        TRY(check_operations(id, count));
        deadline = add_saturated(time::now(), TRY(to_nanos(given)));
    }
    TRY(check_operations(id, count));
    return operate(id, ops, count, deadline);
}

} // namespace drupe::syscall
