// SPDX-License-Identifier: BSD-2-Clause
// Locks in a program's memory whose owner inherits the priority of those who wait for it. The word
// holds the owner's thread id; the kernel hears of a lock only while somebody waits.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/sched/futex.h>
#include <drupe/sched/run_queue.h>

#include <cstdint>

namespace drupe::sched {

class Thread;

/// The bits of such a word. [linux] include/uapi/linux/futex.h
inline constexpr std::uint32_t futex_waiters = 0x8000'0000;
inline constexpr std::uint32_t futex_owner_died = 0x4000'0000;
inline constexpr std::uint32_t futex_owner_mask = 0x3fff'ffff;

struct PiRequest {
    FutexKey key;
    VirtAddr word;
    std::uint32_t own_id;
    RefPtr<Thread> (*find_thread)(std::uint32_t id); // or null; called under no lock
};

/// Takes the lock, waiting for its owner. deadlock: the caller holds it, or its owner waits for the
/// caller, however indirectly; no_process: there is no such owner; invalid: the word contradicts
/// what the kernel knows; fault; timed_out; restart_always. Context of all: as futex_wait().
Result<void> pi_lock(const PiRequest& request, const Deadline& deadline);
/// would_block: it is held.
Result<void> pi_try_lock(const PiRequest& request);
/// Gives it to the most urgent of those who wait. not_permitted: it is not the caller's; fault.
Result<void> pi_unlock(const PiRequest& request);
/// As futex_wait(), until futex_requeue_to_lock() moves the wait to `lock`, and then until that is
/// given. would_block also: a signal came when the wait had been moved; restart_always: before.
Result<void> futex_wait_for_lock(FutexKey key, FutexExpectation expected, const PiRequest& lock,
                                 const Deadline& deadline);
/// Up to `most` of those who wait on `from`, the most urgent first, wait for `lock` instead; one of
/// them gets it if it is free. How many. would_block: the word holds another value; invalid: one of
/// them waits otherwise; deadlock: one holds it, or its owner waits for one; no_process; fault.
Result<std::size_t> futex_requeue_to_lock(FutexKey from, FutexExpectation expected,
                                          const PiRequest& lock, std::size_t most);
/// Does such a waiter sleep on `key`? No other wake-up reaches it.
bool futex_has_lock_waiter(FutexKey key);
/// The running thread ends: who waits for its locks gets them, and learns of it by the word.
void pi_release_all();

struct Parameters {
    Policy policy;
    int realtime_priority;
    int nice;
    bool reset_on_fork = false; // its children begin without the policy and the weight
};
/// What a thread was given, whatever it inherits at the moment.
Parameters own_parameters(const Thread& thread);
void set_own_parameters(Thread& thread, const Parameters& given);

} // namespace drupe::sched
