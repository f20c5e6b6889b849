// SPDX-License-Identifier: BSD-2-Clause
// Banks and their chunks, the reserved ranges, and the CPUs' caches in front of the buddy
// allocator.
#include <drupe/mm/frames.h>
#include <drupe/mm/heap.h>
#include <drupe/mm/last_resort.h>

#include <drupe/arch/cache.h>
#include <drupe/arch/page_table.h>
#include <drupe/sync/spin_lock.h>

#include "buddy.h"
#include "cpu_stock.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace drupe::mm {
namespace detail {
constinit Bank banks[max_banks] = {};
constinit unsigned bank_count = 0;

Bank* find_bank(std::uint64_t address) {
    for (unsigned i = 0; i < bank_count; i++)
        if (address - banks[i].base < banks[i].bytes) return &banks[i];
    return nullptr;
}
} // namespace detail

namespace {

using detail::Bank;
using detail::bank_count;
using detail::banks;

constexpr std::uint64_t max_block = page_size << max_frame_order;

struct Range {
    std::uint64_t from, to;
};

struct State {
    SpinLock<LockRank::frames> lock;
    Buddy buddy GUARDED_BY(lock);
    std::size_t unintroduced GUARDED_BY(lock) = 0; // free frames of chunks without records
    std::size_t total = 0;
    // What is not ours to give, sorted, disjoint; the records' own memory included.
    static constexpr unsigned max_reserved = 64;
    Range reserved[max_reserved] = {};
    unsigned reserved_count = 0;
};
constinit State state;

#if defined(DRUPE_HOSTED)
unsigned fail_countdown = 0;
bool fail_happened = false;
bool should_fail() {
    if (fail_countdown == 0 || --fail_countdown != 0) return false;
    fail_happened = true;
    return true;
}
#else
constexpr bool should_fail() { return false; }
#endif

void reserve(Range range) {
    Range* const list = state.reserved;
    unsigned at = 0;
    while (at < state.reserved_count && list[at].to < range.from) at++;
    const bool touches = at < state.reserved_count && list[at].from <= range.to;
    if (!touches && state.reserved_count == State::max_reserved) {
        // Out of room: better to keep too much than to hand out what is in use.
        if (at == state.reserved_count) at--;
    } else if (!touches) {
        std::copy_backward(list + at, list + state.reserved_count, list + state.reserved_count + 1);
        list[at] = range;
        state.reserved_count++;
        return;
    }
    list[at] = {std::min(list[at].from, range.from), std::max(list[at].to, range.to)};
    while (at + 1 < state.reserved_count && list[at + 1].from <= list[at].to) {
        list[at].to = std::max(list[at].to, list[at + 1].to);
        std::copy(list + at + 2, list + state.reserved_count, list + at + 1);
        state.reserved_count--;
    }
}

/// each(from, to) for the parts of [from, to) that no reserved range touches.
template <class Each>
void for_each_gap(std::uint64_t from, std::uint64_t to, Each each) REQUIRES(state.lock) {
    for (unsigned i = 0; i < state.reserved_count && from < to; i++) {
        const Range& r = state.reserved[i];
        if (r.to <= from) continue;
        if (r.from > from) each(from, std::min(r.from, to));
        from = std::max(from, r.to);
    }
    if (from < to) each(from, to);
}

Range chunk_range(const Bank& bank, unsigned chunk) {
    const std::uint64_t grid = bank.base >> bank.chunk_shift << bank.chunk_shift;
    const std::uint64_t from = grid + (std::uint64_t{chunk} << bank.chunk_shift);
    return {std::max(from, bank.base),
            std::min(from + (std::uint64_t{1} << bank.chunk_shift), bank.base + bank.bytes)};
}

bool is_introduced(const Bank& bank, std::uint64_t address) {
    const auto chunk = (address >> bank.chunk_shift) - (bank.base >> bank.chunk_shift);
    return (bank.introduced >> chunk & 1) != 0;
}

// Makes the records of a chunk and hands its free memory to the buddy.
void introduce(Bank& bank, unsigned chunk) REQUIRES(state.lock) {
    bank.introduced |= std::uint64_t{1} << chunk;
    const Range range = chunk_range(bank, chunk);
    std::memset(static_cast<void*>(bank.records + ((range.from - bank.base) >> page_shift)), 0,
                ((range.to - range.from) >> page_shift) * sizeof(Frame));
    for_each_gap(range.from, range.to,
                 [](std::uint64_t from, std::uint64_t to) REQUIRES(state.lock) {
                     state.unintroduced -= (to - from) >> page_shift;
                     state.buddy.put_range(from, to);
                 });
}

bool introduce_next() REQUIRES(state.lock) {
    for (unsigned i = 0; i < bank_count; i++) {
        const auto chunk = static_cast<unsigned>(std::countr_one(banks[i].introduced));
        if (chunk >= banks[i].chunks) continue;
        introduce(banks[i], chunk);
        return true;
    }
    return false;
}

bool take_locked(unsigned order, PhysAddr& out) REQUIRES(state.lock) {
    while (!state.buddy.take(order, out))
        if (!introduce_next()) return false;
    return true;
}

// The place for a bank's records: its highest gap that holds them, so that low memory stays whole.
bool place_records(Bank& bank) REQUIRES(state.lock) {
    const std::uint64_t bytes = align_up((bank.bytes >> page_shift) * sizeof(Frame), page_size);
    std::uint64_t at = 0;
    for_each_gap(bank.base, bank.base + bank.bytes, [&](std::uint64_t from, std::uint64_t to) {
        if (to - from >= bytes) at = to - bytes;
    });
    if (at == 0) return false;
    bank.records = static_cast<Frame*>(phys_to_virt(PhysAddr{at}));
    reserve({at, at + bytes});
    return true;
}

void add_bank(const MemoryRange& range) REQUIRES(state.lock) {
    const std::uint64_t from = align_up(raw(range.base), page_size);
    const std::uint64_t to = align_down(raw(range.base) + range.bytes, page_size);
    if (to <= from || bank_count == detail::max_banks) return;
    Bank bank{.base = from,
              .bytes = to - from,
              .records = nullptr,
              .introduced = 0,
              .chunk_shift = static_cast<std::uint32_t>(std::countr_zero(max_block)),
              .chunks = 0};
    while (((to - 1) >> bank.chunk_shift) - (from >> bank.chunk_shift) >= 64) bank.chunk_shift++;
    bank.chunks =
        static_cast<std::uint32_t>(((to - 1) >> bank.chunk_shift) - (from >> bank.chunk_shift) + 1);
    if (!place_records(bank)) return;
    state.total += bank.bytes >> page_shift;
    for_each_gap(from, to, [](std::uint64_t a, std::uint64_t b) REQUIRES(state.lock) {
        state.unintroduced += (b - a) >> page_shift;
    });
    banks[bank_count++] = bank;
}

// Reserved memory gets its records now: owners will take references to it, or give it back.
void introduce_reserved(const MemoryRange& reserved) REQUIRES(state.lock) {
    for (unsigned i = 0; i < bank_count; i++) {
        Bank& bank = banks[i];
        for (unsigned chunk = 0; chunk < bank.chunks; chunk++) {
            const Range r = chunk_range(bank, chunk);
            if (r.from < raw(reserved.base) + reserved.bytes && raw(reserved.base) < r.to &&
                (bank.introduced >> chunk & 1) == 0)
                introduce(bank, chunk);
        }
    }
}

// Who is told when memory runs low, and when that is.
constinit std::size_t low_mark = 0;
using Tell = void (*)();
constinit Tell tell_low = nullptr;

// Out of line: the common case then needs no registers saved.
[[gnu::noinline]] void refill(FrameCache& cache) REQUIRES(cache.lock) {
    SpinGuard guard(state.lock);
    if (state.buddy.free_frames() + state.unintroduced < low_mark) [[unlikely]]
        tell_low();
    for (unsigned order = FrameCache::batch_order + 1; order-- > 0;) {
        PhysAddr block;
        // Smaller blocks before new chunks: memory that was never touched stays so.
        if (!(order == 0 ? take_locked(0, block) : state.buddy.take(order, block))) continue;
        for (std::size_t i = std::size_t{1} << order; i-- > 0;)
            cache.frames[cache.count++] = block + (i << page_shift);
        return;
    }
}

[[gnu::noinline]] void drain(FrameCache& cache, unsigned leave) REQUIRES(cache.lock) {
    SpinGuard guard(state.lock);
    // The oldest go: the newest are still in the data cache.
    const unsigned gone = cache.count - leave;
    for (unsigned i = 0; i < gone; i++) state.buddy.put(cache.frames[i], 0);
    std::copy(cache.frames + gone, cache.frames + cache.count, cache.frames);
    cache.count = leave;
}

using LastResort = bool (*)();
constinit LastResort last_resort = nullptr;

/// For when the buddy has nothing left: what all CPUs keep goes back to it. No lock of these held,
/// nor of the heap.
[[gnu::noinline, gnu::cold]] void drain_all() {
    heap_trim();
    for_each_stock([](CpuStock& stock) {
        FrameCache& cache = stock.frames;
        IrqGuard guard(cache.lock);
        if (cache.count != 0) drain(cache, 0);
    });
}

[[gnu::noinline, gnu::cold]] Result<PhysAddr> take_from_all(unsigned order) {
    do {
        drain_all();
        PhysAddr block{};
        IrqGuard guard(state.lock);
        if (!take_locked(order, block)) continue;
        frame_of(block).refs.store(1, std::memory_order_relaxed);
        return block;
    } while (last_resort && last_resort());
    return Errc::no_memory;
}

} // namespace

void frames_init(std::span<const MemoryRange> ranges, std::span<const MemoryRange> reserved) {
    DRUPE_ASSERT(bank_count == 0);
    IrqGuard guard(state.lock);
    for (const MemoryRange& r : reserved)
        if (r.bytes != 0)
            reserve(
                {align_down(raw(r.base), page_size), align_up(raw(r.base) + r.bytes, page_size)});
    for (const MemoryRange& r : ranges) add_bank(r);
    for (const MemoryRange& r : reserved) introduce_reserved(r);
}

void set_last_resort(bool (*free_some)()) { last_resort = free_some; }

void set_low_memory(PageCount mark, void (*tell)()) {
    IrqGuard guard(state.lock);
    tell_low = tell;
    low_mark = mark.n;
}

void frames_add(MemoryRange range) {
    const std::uint64_t to = align_down(raw(range.base) + range.bytes, page_size);
    IrqGuard guard(state.lock);
    for (std::uint64_t at = align_up(raw(range.base), page_size); at < to; at += page_size) {
        const Bank* bank = detail::bank_of(at);
        if (!bank || !is_introduced(*bank, at)) continue;
        const Frame& frame = bank->records[(at - bank->base) >> page_shift];
        if (frame.refs.load(std::memory_order_relaxed) == 0 && (frame.flags & frame_free) == 0)
            state.buddy.put(PhysAddr{at}, 0);
    }
}

Result<PhysAddr> detail::alloc_block(unsigned order) {
    if (should_fail() || order > max_frame_order) return Errc::no_memory;
    PhysAddr block{};
    {
        IrqGuard guard(state.lock);
        if (take_locked(order, block)) {
            frame_of(block).refs.store(1, std::memory_order_relaxed);
            return block;
        }
    }
    return take_from_all(order); // what the caches hold may be the missing buddies
}

bool detail::take_from_buddy(PhysAddr& out) {
    IrqGuard guard(state.lock);
    if (!take_locked(0, out)) return false;
    frame_of(out).refs.store(1, std::memory_order_relaxed);
    return true;
}

Result<PhysAddr> detail::alloc_one() {
    if (should_fail()) return Errc::no_memory;
    {
        FrameCache& cache = this_stock().frames;
        IrqGuard guard(cache.lock);
        if (cache.count == 0) [[unlikely]]
            refill(cache);
        if (cache.count != 0) [[likely]] {
            const PhysAddr frame = cache.frames[--cache.count];
            frame_of(frame).refs.store(1, std::memory_order_relaxed);
            return frame;
        }
    }
    return take_from_all(0);
}

Result<PhysAddr> alloc_zeroed_frame() {
    const PhysAddr frame = TRY(alloc_frames());
    arch::zero_page(phys_to_virt(frame));
    return frame;
}

void free_frames(PhysAddr base, unsigned order) {
    Frame& frame = frame_of(base);
    DRUPE_ASSERT(frame.refs.load(std::memory_order_relaxed) == 1);
    if (order == 0)
        detail::give_back_one(frame, base);
    else
        detail::give_back_block(frame, base, order);
}

void detail::give_back_one(Frame& frame, PhysAddr address) {
    DRUPE_ASSERT((frame.flags & frame_free) == 0);
    frame.refs.store(0, std::memory_order_relaxed);
    frame.flags = 0;
    arch::note_frame_freed(address);
    FrameCache& cache = this_stock().frames;
    IrqGuard guard(cache.lock);
    if (cache.count == FrameCache::capacity) [[unlikely]]
        drain(cache, FrameCache::capacity / 2);
    cache.frames[cache.count++] = address;
}

void detail::give_back_block(Frame& frame, PhysAddr base, unsigned order) {
    DRUPE_ASSERT((frame.flags & frame_free) == 0);
    frame.refs.store(0, std::memory_order_relaxed);
    frame.flags = 0;
    for (std::size_t i = 0; i < std::size_t{1} << order; i++)
        arch::note_frame_freed(base + (i << page_shift));
    IrqGuard guard(state.lock);
    state.buddy.put(base, order);
}

PhysAddr address_of(const Frame& frame) {
    for (unsigned i = 0; i < bank_count; i++) {
        const Bank& bank = banks[i];
        const auto index = static_cast<std::uint64_t>(&frame - bank.records);
        if (index < bank.bytes >> page_shift) return PhysAddr{bank.base + (index << page_shift)};
    }
    DRUPE_ASSERT(!"a frame record of no bank");
    return PhysAddr{0};
}

std::size_t heap_frames(); // heap.cc

PageCount memory_total() { return {state.total}; }

PageCount memory_free() {
    IrqGuard guard(state.lock);
    return {state.buddy.free_frames() + state.unintroduced};
}

MemoryStats memory_stats() {
    std::size_t cached = 0;
    for_each_stock([&](CpuStock& stock) {
        IrqGuard guard(stock.frames.lock);
        cached += stock.frames.count;
    });
    IrqGuard guard(state.lock);
    return {.total = {state.total},
            .free = {state.buddy.free_frames() + state.unintroduced + cached},
            .cached = {cached},
            .slab = {heap_frames()}};
}

#if defined(DRUPE_HOSTED)
namespace testing {
void stocks_reset(); // cpu_stock.cc
void frames_reset() {
    stocks_reset();
    state.~State();
    new (&state) State;
    bank_count = 0;
    std::fill(std::begin(banks), std::end(banks), Bank{});
    fail_frame_allocation(0);
}
void fail_frame_allocation(unsigned n) {
    fail_countdown = n;
    fail_happened = false;
}
bool frame_allocation_failed() { return fail_happened; }
} // namespace testing
#endif

} // namespace drupe::mm
