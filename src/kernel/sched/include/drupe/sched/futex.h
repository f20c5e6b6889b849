// SPDX-License-Identifier: BSD-2-Clause
// Sleeping on a word of a program's memory. This room knows words by a key that the caller makes:
// whose memory (an address space, or an object that several map) and where in it.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/sched/wall_clock.h>

#include <cstddef>
#include <cstdint>

namespace drupe::sched {

struct FutexKey {
    const void* owner; // must stay alive while somebody waits on the key
    std::uint64_t offset;
    friend bool operator==(const FutexKey&, const FutexKey&) = default;
};

inline constexpr std::uint32_t futex_any = ~std::uint32_t{0}; // a bitset that matches every other

/// A word and what it is expected to hold.
struct FutexExpectation {
    VirtAddr word;
    std::uint32_t value;
};

/// Sleeps until a wake-up on `key` whose bitset meets `bitset`, if `word` (which `key` names) holds
/// the expected value. would_block: it holds another; fault; timed_out; restart: a signal came.
/// Context of all: thread whose address space is active, no lock held.
Result<void> futex_wait(FutexKey key, FutexExpectation expected, std::uint32_t bitset,
                        Deadline deadline);
/// The same without a deadline.
Result<void> futex_wait_endless(FutexKey key, FutexExpectation expected, std::uint32_t bitset);
/// Wakes up to `most` waiters whose bitset meets `bitset`, the most urgent first (real-time
/// priority), of equals the longest waiting; how many.
std::size_t futex_wake(FutexKey key, std::size_t most, std::uint32_t bitset = futex_any);

struct FutexRequeue {
    FutexKey from, to;
    std::size_t wake;                           // this many on `from` are woken
    std::size_t move;                           // of the rest, this many wait on `to` instead
    const FutexExpectation* expected = nullptr; // looked at when `from` stands still
};
struct FutexRequeued {
    std::size_t woken, moved;
};
/// would_block: the word holds another value; fault.
Result<FutexRequeued> futex_requeue(const FutexRequeue& request);

} // namespace drupe::sched
