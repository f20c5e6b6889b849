// SPDX-License-Identifier: BSD-2-Clause
// Rank checks. Each CPU keeps the short list of what it holds; a new lock must rank below all.
#include <drupe/sync/lockdep.h>

#include <drupe/arch/irq_state.h>
#include <drupe/base/assert.h>
#include <drupe/base/format.h>
#include <drupe/sync/cpu_core.h>

namespace drupe {

constinit CpuCore boot_cpu_core;

namespace lockdep {

std::string_view name_of(LockRank rank) {
    switch (rank) {
    case LockRank::console: return "console";
    case LockRank::irq_chip: return "irq_chip";
    case LockRank::entropy: return "entropy";
    case LockRank::clock: return "clock";
    case LockRank::timer: return "timer";
    case LockRank::run_queue: return "run_queue";
    case LockRank::epoll: return "epoll";
    case LockRank::wait_queue: return "wait_queue";
    case LockRank::frames: return "frames";
    case LockRank::frame_cache: return "frame_cache";
    case LockRank::heap: return "heap";
    case LockRank::heap_list: return "heap_list";
    case LockRank::inheritance: return "inheritance";
    case LockRank::signal: return "signal";
    case LockRank::signal_timer: return "signal_timer";
    case LockRank::actions: return "actions";
    case LockRank::thread_table: return "thread_table";
    case LockRank::process: return "process";
    case LockRank::tty: return "tty";
    case LockRank::volume: return "volume";
    case LockRank::device_queue: return "device_queue";
    case LockRank::async_files: return "async_files";
    case LockRank::timestamps: return "timestamps";
    case LockRank::system_name: return "system_name";
    case LockRank::notify: return "notify";
    case LockRank::page_table: return "page_table";
    case LockRank::page_cache: return "page_cache";
    case LockRank::address_space: return "address_space";
    case LockRank::socket: return "socket";
    case LockRank::socket_table: return "socket_table";
    case LockRank::pipe: return "pipe";
    case LockRank::fd_table: return "fd_table";
    case LockRank::name_table: return "name_table";
    case LockRank::inode: return "inode";
    case LockRank::dentry: return "dentry";
    case LockRank::futex: return "futex";
    case LockRank::device: return "device";
    }
    return "?";
}

#if defined(DRUPE_LOCKDEP)
namespace {

[[noreturn]] void complain(std::string_view what, LockRank rank, std::string_view other) {
    char text[128];
    panic(format_into(text, "lock order: {} '{}' while '{}' is held", what, name_of(rank), other));
}

/// The lists are changed with interrupts masked: a handler takes locks of its own in between.
class Masked {
public:
    Masked() : state_(arch::irq_save()) {}
    ~Masked() { arch::irq_restore(state_); }
    Masked(const Masked&) = delete;
    Masked& operator=(const Masked&) = delete;

private:
    arch::IrqState state_;
};

/// `above`: the lowest rank that may be held.
void add(LockRank rank, unsigned above, const void* lock) {
    Masked masked;
    HeldLocks& held = this_cpu_core().held;
    for (std::size_t i = 0; i < held.count; ++i)
        if (static_cast<unsigned>(held.entries[i].rank) < above || held.entries[i].lock == lock)
            complain(held.entries[i].lock == lock ? "taking again" : "taking", rank,
                     name_of(held.entries[i].rank));
    if (held.count == HeldLocks::capacity) complain("no room for", rank, "too many");
    held.entries[held.count++] = {lock, rank};
}

} // namespace

void acquired(LockRank rank, const void* lock) { add(rank, static_cast<unsigned>(rank) + 1, lock); }
void acquired_nested(LockRank rank, const void* lock) {
    add(rank, static_cast<unsigned>(rank), lock);
}

void released(LockRank rank, const void* lock) {
    Masked masked;
    HeldLocks& held = this_cpu_core().held;
    for (std::size_t i = held.count; i-- > 0;) {
        if (held.entries[i].lock != lock) continue;
        for (--held.count; i < held.count; ++i) held.entries[i] = held.entries[i + 1];
        return;
    }
    complain("releasing", rank, "something else");
}

void assert_none_held(const char* what) {
    const HeldLocks& held = this_cpu_core().held;
    if (held.count == 0) return;
    char text[128];
    panic(format_into(text, "{} while the spin lock '{}' is held", what,
                      name_of(held.entries[held.count - 1].rank)));
}

std::size_t held_count() { return this_cpu_core().held.count; }
#endif

} // namespace lockdep
} // namespace drupe
