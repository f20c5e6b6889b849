// SPDX-License-Identifier: BSD-2-Clause
// Waits on plain futexes that end in a lock of pi_futex.h: whoever moves such a waiter enters the
// lock for it.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/sched/pi_futex.h>
#include <drupe/sched/thread.h>

namespace drupe::sched {

struct PiWaiter {
    Thread* thread;
    std::uint32_t id;
    PiLock* lock = nullptr;
    PiWaiter* next = nullptr;
    bool is_owner = false;   // it was given the lock
    bool owner_died = false; // and has to say so in the word itself
};

/// A lock that somebody waits for, or that is on its way from a thread that died.
struct PiLock {
    FutexKey key{};
    Thread* owner = nullptr;
    PiWaiter* waiters = nullptr; // the longest waiting first
    bool is_passing = false;     // its word does not name the owner yet
    PiLock* next = nullptr;      // in the bucket
    PiLock* next_held = nullptr; // of the owner's
};

/// done: it is the waiter's, whose is_owner says so. again: the word does not name the owner that
/// was seen, so another has to be looked for.
enum class PiStep : std::uint8_t { done, queued, again, page_absent };

/// The owner that a word names, found before any lock is taken.
struct PiSeen {
    std::uint32_t id;
    RefPtr<Thread> owner;
};
Result<PiSeen> pi_look(const PiRequest& request);

/// Takes the lock for the waiter's thread if it is free, else queues it. `request.own_id` is the
/// waiter's; `fresh` is used if nobody waits yet. Errors as pi_lock(). The lock of the waiter's
/// present bucket may be held.
Result<PiStep> pi_enter_for(const PiRequest& request, const PiSeen& seen, PiWaiter& waiter,
                            OwnPtr<PiLock>& fresh);
/// Brings the word's page in, writable.
Result<void> pi_bring_in(VirtAddr word);
/// The waiter's own thread goes on waiting, once it is queued or given the lock.
Result<void> pi_wait_queued(const PiRequest& request, PiWaiter& waiter, const Deadline& deadline);

} // namespace drupe::sched
