// SPDX-License-Identifier: BSD-2-Clause
// Robust futexes: their list lies in the program's memory, so every step of it may be nonsense.
#include <drupe/process/futex.h>

#include <drupe/arch/user_access.h>
#include <drupe/mm/address_space.h>
#include <drupe/process/process.h>

namespace drupe::process {
namespace {

constexpr std::uint32_t owner_died = 0x4000'0000;  // FUTEX_OWNER_DIED
constexpr std::uint32_t has_waiters = 0x8000'0000; // FUTEX_WAITERS
constexpr std::uint32_t owner_mask = 0x3fff'ffff;  // FUTEX_TID_MASK
constexpr unsigned most_entries = 2048;            // ROBUST_LIST_LIMIT: the list may be a ring
constexpr std::uint64_t priority_inheriting = 1;   // bit 0 of a list pointer

struct RobustHead {
    std::uint64_t next;
    std::int64_t futex_offset;
    std::uint64_t pending;
};

/// Who waits for a lock that inherits priorities is in the kernel's hands: pi_release_all().
enum class Kind : bool { plain, inheriting };

Result<void> mark_dead(VirtAddr word, std::uint32_t tid, bool is_pending, Kind kind) {
    if (!is_aligned(raw(word), 4)) return Errc::invalid;
    for (;;) {
        const std::uint32_t value = TRY(arch::user_load(word));
        // A lock about to be released: its word may say "free" with a waiter still asleep.
        if (is_pending && value == 0 && kind == Kind::plain) {
            wake_futex(word, 1);
            return {};
        }
        if ((value & owner_mask) != tid) return {};
        const std::uint32_t dead = (value & has_waiters) | owner_died;
        if (TRY(arch::user_compare_exchange(word, value, dead)) != value) continue;
        if ((value & has_waiters) != 0 && kind == Kind::plain) wake_futex(word, 1);
        return {};
    }
}

Result<void> walk(UserThread& thread) {
    const auto head = TRY(arch::get_user<RobustHead>(thread.robust_list));
    const auto tid = static_cast<std::uint32_t>(thread.tid);
    const auto word_of = [&](std::uint64_t entry) {
        return VirtAddr{(entry & ~priority_inheriting) +
                        static_cast<std::uint64_t>(head.futex_offset)};
    };
    const auto kind_of = [](std::uint64_t entry) {
        return entry & priority_inheriting ? Kind::inheriting : Kind::plain;
    };
    std::uint64_t entry = head.next;
    for (unsigned n = 0; n < most_entries; n++) {
        if ((entry & ~priority_inheriting) == raw(thread.robust_list)) break;
        // The next pointer first: once marked, another thread may free the lock's memory.
        const auto next =
            TRY(arch::get_user<std::uint64_t>(VirtAddr{entry & ~priority_inheriting}));
        if (entry != head.pending) TRY(mark_dead(word_of(entry), tid, false, kind_of(entry)));
        entry = next;
    }
    if (head.pending != 0) TRY(mark_dead(word_of(head.pending), tid, true, kind_of(head.pending)));
    return {};
}

} // namespace

sched::FutexKey shared_futex_key(VirtAddr word) {
    mm::RegionInfo region{};
    if (!current_process().image->space().region_above(word, region) || word < region.begin ||
        region.sharing != mm::Sharing::shared || !region.object)
        return private_futex_key(word);
    // The mapping keeps the object alive as long as somebody waits in it.
    return {region.object.get(), (region.first_page << page_shift) + (word - region.begin)};
}

void wake_futex(VirtAddr word, std::size_t count) {
    const sched::FutexKey mine = private_futex_key(word);
    const std::size_t woken = sched::futex_wake(mine, count);
    const sched::FutexKey shared = shared_futex_key(word);
    if (woken < count && shared != mine) sched::futex_wake(shared, count - woken);
}

void release_robust_futexes(UserThread& thread) { (void)walk(thread).ok(); }

} // namespace drupe::process
