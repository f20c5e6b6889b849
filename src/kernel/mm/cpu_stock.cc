// SPDX-License-Identifier: BSD-2-Clause
// The boot CPU's stock is there from the start. Each other CPU's lies in a frame of its own, made
// when it first asks for memory: a machine with one CPU does not pay for hundreds.
#include "cpu_stock.h"

#include "buddy.h"

#include <new>

namespace drupe::mm {
namespace {

constinit CpuStock boot_stock;
static_assert(sizeof(CpuStock) <= page_size);

} // namespace

constinit std::atomic<CpuStock*> detail::stocks[DRUPE_MAX_CPUS] = {};

[[gnu::noinline, gnu::cold]] CpuStock& detail::make_stock() {
    const std::uint32_t cpu = this_cpu_core().index;
    if (cpu == 0) {
        stocks[0].store(&boot_stock, std::memory_order_relaxed); // it was there from the start
        return boot_stock;
    }
    PhysAddr frame;
    if (!take_from_buddy(frame)) return boot_stock;
    auto* fresh = new (phys_to_virt(frame)) CpuStock;
    CpuStock* other = nullptr;
    // Release pairs with the acquire in for_each_stock(). An interrupt may have been faster.
    if (stocks[cpu].compare_exchange_strong(other, fresh, std::memory_order_release)) return *fresh;
    free_frames(frame);
    return *other;
}

#if defined(DRUPE_HOSTED)
namespace testing {
void stocks_reset() {
    for (std::atomic<CpuStock*>& of_cpu : detail::stocks)
        of_cpu.store(nullptr, std::memory_order_relaxed);
    new (&boot_stock) CpuStock;
}
} // namespace testing
#endif

} // namespace drupe::mm
