// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/sync/lock_statistics.h>

#include <drupe/base/format.h>
#include <drupe/sync/lockdep.h>

#include <array>
#include <atomic>

#if defined(DRUPE_LOCK_STATISTICS)
namespace drupe::lock_statistics {
namespace {

struct alignas(64) Counters {
    std::atomic<std::uint64_t> taken{0}, waited{0}, rounds{0};
};
constinit std::array<Counters, lock_rank_limit> counters{};

} // namespace

void count(LockRank rank, std::uint64_t rounds) {
    Counters& c = counters[static_cast<std::size_t>(rank)];
    c.taken.fetch_add(1, std::memory_order_relaxed);
    if (rounds == 0) return;
    c.waited.fetch_add(1, std::memory_order_relaxed);
    c.rounds.fetch_add(rounds, std::memory_order_relaxed);
}

Counts of(LockRank rank) {
    const Counters& c = counters[static_cast<std::size_t>(rank)];
    return {c.taken.load(std::memory_order_relaxed), c.waited.load(std::memory_order_relaxed),
            c.rounds.load(std::memory_order_relaxed)};
}

void report(void (*write)(std::string_view)) {
    std::array<bool, lock_rank_limit> said{};
    for (;;) {
        std::size_t most = 0;
        for (std::size_t rank = 1; rank < lock_rank_limit; ++rank) {
            const Counts counts = of(LockRank{static_cast<std::uint8_t>(rank)});
            if (said[rank] || counts.taken == 0) continue;
            if (most == 0 || counts.rounds > of(LockRank{static_cast<std::uint8_t>(most)}).rounds)
                most = rank;
        }
        if (most == 0) return;
        said[most] = true;
        const LockRank rank{static_cast<std::uint8_t>(most)};
        const Counts counts = of(rank);
        char text[128];
        write(format_into(text, "lock {}: taken {}, waited for {}, in {} rounds\n",
                          lockdep::name_of(rank), counts.taken, counts.waited, counts.rounds));
    }
}

} // namespace drupe::lock_statistics
#endif
