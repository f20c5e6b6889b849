// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/block/write_back.h>

#include <drupe/block/volume.h>
#include <drupe/mm/last_resort.h>
#include <drupe/sched/auto_event.h>
#include <drupe/sched/thread.h>

#include <algorithm>

namespace drupe::block {
namespace {

constexpr Nanos most_age{5'000'000'000};

// Shares of memory. Free: below the first the thread gives back pages up to the second, below the
// third those who want pages do.
std::size_t low_mark() { return mm::memory_total().n / 32; }
std::size_t high_mark() { return mm::memory_total().n / 16; }
std::size_t least_mark() { return mm::memory_total().n / 64; }
// Dirty: above the first the thread writes, above the second writers wait.
std::size_t much_dirty() { return mm::memory_total().n / 10; }
std::size_t most_dirty() { return mm::memory_total().n / 5; }

constexpr std::size_t reclaim_batch = 64;

/// What the thread that tends the caches waits for.
constinit sched::AutoEvent* tender = nullptr;

void kick() {
    if (tender) tender->set();
}

constinit Volume* volumes = nullptr; // chained; the boot thread adds to them

template <class Each>
void for_each_volume(Each each) {
    for (Volume* at = volumes; at; at = at->next_tended) each(*at);
}

mm::CacheSizes cache_sizes() {
    PageCount all{0};
    for_each_volume([&](const Volume& volume) { all.n += volume.cached_pages(); });
    return {all, {std::min<std::size_t>(all.n, dirty_page_count())}};
}

void run(void*) {
    for (;;) tender->wait(tend_caches());
}

} // namespace

void note_dirty(std::uint64_t count, bool is_first) {
    if (is_first || count == much_dirty()) kick();
}

void throttle_writer(Volume& volume) {
    constexpr std::uint64_t at_a_time = 8 * batch_pages;
    while (dirty_page_count() > most_dirty()) {
        kick();
        const std::uint64_t before = dirty_page_count();
        volume.write_some(at_a_time);
        // Others' pages then: the thread's part.
        if (dirty_page_count() >= before) return;
    }
}

std::size_t reclaim_pages(std::size_t wanted) {
    std::size_t gone = 0;
    // Twice around: pages that were used lately stay the first time, mapped ones the second.
    for (unsigned round = 0; round < 4 && gone < wanted; round++) {
        if (round == 3) // nothing clean is left
            for_each_volume([](Volume& volume) { volume.write_some(4 * batch_pages); });
        for_each_volume([&](Volume& volume) {
            if (gone < wanted) gone += volume.evict(wanted - gone);
        });
    }
    return gone;
}

Result<PhysAddr> cache_frame() {
    if (mm::memory_free().n < least_mark()) [[unlikely]]
        reclaim_pages(reclaim_batch);
    return mm::alloc_frame_waiting();
}

Nanos tend_caches() {
    Nanos next = Nanos::never();
    const Nanos now = time::now();
    for_each_volume([&](Volume& volume) {
        const Nanos since = volume.dirty_since();
        if (since == Nanos::never()) return;
        if (now - since >= most_age || dirty_page_count() > much_dirty())
            volume.write_back();
        else
            next = std::min(next, since + most_age);
    });
    while (mm::memory_free().n < high_mark())
        if (reclaim_pages(reclaim_batch) == 0) break;
    return next;
}

void tend(Volume& volume) {
    volume.next_tended = volumes;
    volumes = &volume;
}

Result<void> start_tending() {
    tender = TRY(make_own<sched::AutoEvent>()).leak();
    TRY(sched::Thread::create("write-back", run, nullptr))->start();
    mm::set_caches({[] { return reclaim_pages(reclaim_batch) != 0; }, cache_sizes});
    mm::set_low_memory({low_mark()}, kick);
    return {};
}

#if defined(DRUPE_HOSTED)
namespace testing {
void forget_volumes() { volumes = nullptr; }
} // namespace testing
#endif

} // namespace drupe::block
