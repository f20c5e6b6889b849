// SPDX-License-Identifier: BSD-2-Clause
// shmget and its family. [linux] ipc/shm.c, uapi/linux/shm.h, uapi/asm-generic/shmbuf.h
#include "ipc_call.h"

#include <drupe/ipc/shared_memory.h>
#include <drupe/syscall/handlers.h>

namespace drupe::syscall {

using Word = std::uint64_t;

namespace {

enum Command : int {
    memory_lock = 11,
    memory_unlock = 12,
    memory_status_at = 13,
    memory_info = 14,
    memory_status_of_any = 15,
};

struct UserStatus { // struct shmid64_ds
    UserIpcOwner owner;
    std::uint64_t bytes;
    std::int64_t attached_at, detached_at, changed_at;
    std::int32_t creator, last_user;
    std::uint64_t attached, unused[2];
};
static_assert(sizeof(UserStatus) == 112);

Result<Word> put_limits(VirtAddr to) {
    struct UserLimits { // struct shminfo64
        std::uint64_t most, least, segments, each, pages, unused[4];
    };
    const UserLimits limits{ipc::memory_limits.bytes,    1,
                            ipc::memory_limits.segments, ipc::memory_limits.segments,
                            ipc::memory_limits.pages,    {}};
    TRY(arch::put_user(to, limits));
    return static_cast<Word>(ipc::highest_segment());
}

Result<Word> put_info(VirtAddr to) {
    struct UserInfo { // struct shm_info
        std::int32_t segments, rest;
        std::uint64_t total, resident, swapped, attempts, successes;
    };
    UserInfo info{};
    info.segments = static_cast<std::int32_t>(ipc::segment_count());
    info.total = ipc::pages_of_all_segments();
    std::uint32_t index = 0;
    while (RefPtr<ipc::Segment> segment = ipc::next_segment(index))
        info.resident += segment->pages->page_count();
    TRY(arch::put_user(to, info));
    return static_cast<Word>(ipc::highest_segment());
}

Result<Word> put_status(ipc::Segment& segment, VirtAddr to, std::uint32_t wanted, Word result) {
    UserStatus status{};
    {
        sched::MutexGuard guard(segment.mutex);
        TRY(segment.check_access(wanted));
        if (segment.is_removed) return Errc::removed;
        status = {owner_of(segment),   segment.bytes,      segment.attach_time,
                  segment.detach_time, segment.changed,    segment.creator,
                  segment.last_user,   segment.attached(), {}};
    }
    TRY(arch::put_user(to, status));
    return result;
}

Result<Word> set_owner(ipc::Segment& segment, const UserStatus& given) {
    sched::MutexGuard guard(segment.mutex);
    TRY(segment.check_owner());
    if (segment.is_removed) return Errc::removed;
    segment.set_owner(new_owner(given.owner));
    return Word{0};
}

// Memory is never written out to a disk: what a program is told is all there is to it.
Result<Word> set_locked(ipc::Segment& segment, bool locked) {
    const process::Process& self = process::current_process();
    const std::uint64_t limit = self.limit(process::Resource::locked_memory).soft;
    sched::MutexGuard guard(segment.mutex);
    if (!self.credentials.is_privileged()) {
        TRY(segment.check_owner());
        if (locked && limit == 0) return Errc::not_permitted;
    }
    if (segment.is_removed) return Errc::removed;
    if (!locked)
        segment.unlock();
    else if (!segment.lock(self.credentials.is_privileged() ? process::Limit::infinite : limit))
        return Errc::no_memory;
    return Word{0};
}

} // namespace

Result<Word> shmget(int key, Word bytes, int flags) {
    return static_cast<Word>(TRY(ipc::get_segment(key, bytes, static_cast<std::uint32_t>(flags))));
}

Result<Word> shmat(int id, VirtAddr at, int flags) {
    return raw(TRY(ipc::attach(id, at, static_cast<std::uint32_t>(flags))));
}

Result<Word> shmdt(VirtAddr at) {
    TRY(ipc::detach(at));
    return Word{0};
}

Result<Word> shmctl(int id, int command, VirtAddr buffer) {
    if (command < 0 || id < 0) return Errc::invalid;
    switch (command) {
    case ipc_limits: return put_limits(buffer);
    case memory_info: return put_info(buffer);
    case memory_status_at:
    case memory_status_of_any: {
        RefPtr<ipc::Segment> segment = TRY(ipc::segment_at(id));
        return put_status(*segment, buffer,
                          command == memory_status_at ? std::uint32_t{ipc::want_read} : 0,
                          static_cast<Word>(segment->id));
    }
    case ipc_status: return put_status(*TRY(ipc::find_segment(id)), buffer, ipc::want_read, 0);
    case ipc_set: {
        const auto given = TRY(arch::get_user<UserStatus>(buffer));
        return set_owner(*TRY(ipc::find_segment(id)), given);
    }
    case ipc_remove: TRY(ipc::remove(*TRY(ipc::find_segment(id)))); return Word{0};
    case memory_lock:
    case memory_unlock: return set_locked(*TRY(ipc::find_segment(id)), command == memory_lock);
    default: return Errc::invalid;
    }
}

} // namespace drupe::syscall
