// SPDX-License-Identifier: BSD-2-Clause
// Addresses of the dynamic area are handed out upwards: those of devices once and for all (a boot
// maps a few dozen), those of stacks from a bitmap of windows.
#include <drupe/mm/kernel_space.h>

#include <drupe/arch/page_table.h>
#include <drupe/sync/spin_lock.h>

#include <algorithm>
#include <bit>
#include <optional>

namespace drupe::mm {
namespace {

using arch::MemoryType;
using arch::PageTable;
using arch::Perm;

// KERNEL_DYNAMIC_BASE of the target's memory layout: stacks first, devices above them.
constexpr VirtAddr stack_area{0xffff'a000'0000'0000};
constexpr VirtAddr device_area{0xffff'a100'0000'0000};
constexpr VirtAddr device_area_end{0xffff'b000'0000'0000};

constexpr std::size_t window_bytes = 2 * kernel_stack_bytes;
constexpr std::size_t max_stacks = 32768;
constexpr std::size_t stack_pages = kernel_stack_bytes / page_size;
constexpr Perm kernel_data = Perm::read | Perm::write;

struct State {
    SpinLock<LockRank::page_table> lock;
    std::optional<PageTable> table GUARDED_BY(lock);
    VirtAddr next_device GUARDED_BY(lock) = device_area;
    // Windows whose stack is mapped and nobody's: a thread that ends leaves it to the next one.
    static constexpr unsigned max_idle = 8;
    std::uint16_t idle[max_idle] GUARDED_BY(lock) = {};
    unsigned idle_count GUARDED_BY(lock) = 0;
    // Windows that are mapped, idle ones included.
    std::uint64_t used[max_stacks / 64] GUARDED_BY(lock) = {};
    std::size_t first_maybe_free GUARDED_BY(lock) = 0; // word of `used`
};
constinit State state;

VirtAddr stack_begin(std::size_t window) {
    return stack_area + window * window_bytes + kernel_stack_bytes;
}

void unmap_pages(VirtAddr at, std::size_t pages) REQUIRES(state.lock) {
    PhysAddr frames[stack_pages];
    DRUPE_ASSERT(pages <= stack_pages);
    std::size_t count = 0;
    state.table->unmap_range(at, {pages},
                             [&](VirtAddr, arch::Mapping m) { frames[count++] = m.frame; });
    state.table->flush(at, {pages});
    while (count > 0) free_frames(frames[--count]);
}

Result<void> map_stack(std::size_t window) REQUIRES(state.lock) {
    const VirtAddr begin = stack_begin(window);
    for (std::size_t i = 0; i < stack_pages; i++) {
        const auto frame = alloc_frames();
        Result<void> mapped =
            frame ? state.table->map(begin + i * page_size, frame.value(), kernel_data)
                  : Result<void>{frame.error()};
        if (mapped) continue;
        if (frame) free_frames(frame.value());
        unmap_pages(begin, i);
        return mapped;
    }
    state.table->publish();
    return {};
}

Result<std::size_t> take_window() REQUIRES(state.lock) {
    for (std::size_t word = state.first_maybe_free; word < std::size(state.used); word++) {
        if (state.used[word] == ~std::uint64_t{0}) continue;
        state.first_maybe_free = word;
        const auto bit = static_cast<unsigned>(std::countr_one(state.used[word]));
        state.used[word] |= std::uint64_t{1} << bit;
        return word * 64 + bit;
    }
    return Errc::no_memory;
}

void drop_window(std::size_t window) REQUIRES(state.lock) {
    state.used[window / 64] &= ~(std::uint64_t{1} << window % 64);
    state.first_maybe_free = std::min(state.first_maybe_free, window / 64);
}

} // namespace

Result<void> kernel_space_init(PhysAddr root, std::span<const MemoryRange> banks,
                               std::span<const MemoryRange> reserved) {
    IrqGuard guard(state.lock);
    DRUPE_ASSERT(!state.table);
    frames_init(banks, reserved);
    if (memory_stats().free.n == 0) return Errc::no_memory;
    state.table.emplace(PageTable::adopt_kernel(root));
    return {};
}

Result<void*> map_device(PhysAddr address, std::size_t bytes) {
    const PhysAddr first = align_down(address, page_size);
    const std::size_t pages = PageCount::covering((address - first) + bytes).n;
    IrqGuard guard(state.lock);
    const VirtAddr at = state.next_device;
    if (pages >= (device_area_end - at) >> page_shift) return Errc::no_memory;
    for (std::size_t i = 0; i < pages; i++) {
        const auto mapped = state.table->map(at + i * page_size, first + i * page_size, kernel_data,
                                             MemoryType::device);
        if (mapped) continue;
        state.table->unmap_range(at, {i}, [](VirtAddr, arch::Mapping) {});
        state.table->flush(at, {i});
        return mapped.error();
    }
    state.table->publish();
    state.next_device = at + (pages + 1) * page_size; // a page between devices stays unmapped
    return reinterpret_cast<void*>(raw(at) + (address - first));
}

void unmap_device(void* mapped, std::size_t bytes) {
    const VirtAddr at{reinterpret_cast<std::uintptr_t>(mapped)};
    const VirtAddr first = align_down(at, page_size);
    const PageCount pages = PageCount::covering((at - first) + bytes);
    IrqGuard guard(state.lock);
    state.table->unmap_range(first, pages, [](VirtAddr, arch::Mapping) {});
    state.table->flush(first, pages);
}

Result<void> protect_kernel(const void* from, std::size_t bytes, Perm perm) {
    const VirtAddr at{reinterpret_cast<std::uintptr_t>(from)};
    const PageCount pages{bytes >> page_shift};
    if (!is_aligned(at, page_size) || (bytes & page_mask) != 0) return Errc::invalid;
    IrqGuard guard(state.lock);
    PageTable& table = *state.table;
    bool whole = true;
    table.for_each(at, pages, [&](VirtAddr leaf, arch::Mapping) {
        whole = whole && leaf >= at && table.leaf_bytes(leaf) <= at + bytes - leaf;
    });
    if (!whole) return Errc::invalid;
    table.protect_range(at, pages, [&](VirtAddr, arch::Mapping) { return perm; });
    table.flush(at, pages);
    return {};
}

Result<void*> alloc_kernel_stack() {
    IrqGuard guard(state.lock);
    std::size_t window;
    if (state.idle_count > 0) {
        window = state.idle[--state.idle_count];
    } else {
        window = TRY(take_window());
        if (const auto mapped = map_stack(window); !mapped) {
            drop_window(window);
            return mapped.error();
        }
    }
    return reinterpret_cast<void*>(raw(stack_begin(window)) + kernel_stack_bytes);
}

void free_kernel_stack(void* top) {
    const std::uint64_t end = reinterpret_cast<std::uintptr_t>(top) - raw(stack_area);
    DRUPE_ASSERT(end % window_bytes == 0 && end != 0 && end <= max_stacks * window_bytes);
    const std::size_t window = end / window_bytes - 1;
    IrqGuard guard(state.lock);
    if (state.idle_count < State::max_idle) {
        state.idle[state.idle_count++] = static_cast<std::uint16_t>(window);
        return;
    }
    unmap_pages(stack_begin(window), stack_pages);
    drop_window(window);
}

#if defined(DRUPE_HOSTED)
namespace testing {
void kernel_space_reset() {
    IrqGuard guard(state.lock);
    while (state.table && state.idle_count > 0) {
        const std::size_t window = state.idle[--state.idle_count];
        unmap_pages(stack_begin(window), stack_pages);
        drop_window(window);
    }
    state.table.reset();
    state.next_device = device_area;
    std::fill(std::begin(state.used), std::end(state.used), 0);
    state.first_maybe_free = 0;
}
} // namespace testing
#endif

} // namespace drupe::mm
