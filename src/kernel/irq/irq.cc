// SPDX-License-Identifier: BSD-2-Clause
// The table from interrupt numbers to handlers. Handlers are never detached, so dispatch needs no
// lock: a number's slot is published once and stays.
#include <drupe/irq/irq_chip.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>

namespace drupe::irq {
namespace {

constexpr std::uint32_t number_limit = 1024;
constexpr std::uint32_t software_limit = 16;

struct Slot {
    Handler handler;
    void* context;
    IrqNumber number;
};

constinit IrqChip* installed = nullptr;
constinit SpinLock<LockRank::device> table_lock;
constinit Slot slots[interrupt_slots] = {};
constinit std::atomic<std::size_t> used{1}; // grows with table_lock held, when a slot is whole
constinit std::atomic<std::uint8_t> slot_of[number_limit] = {};
static_assert(interrupt_slots <= 256);

Slot* find(IrqNumber irq) {
    const auto number = static_cast<std::uint32_t>(irq);
    if (number >= number_limit) return nullptr;
    // Pairs with the release store in attach(): the slot's contents come with its number.
    const std::uint8_t index = slot_of[number].load(std::memory_order_acquire);
    return index == 0 ? nullptr : &slots[index];
}

Result<void> reserve(IrqNumber irq, Handler handler, void* context) {
    const auto number = static_cast<std::uint32_t>(irq);
    if (number >= number_limit) return Errc::invalid;
    IrqGuard guard{table_lock};
    if (slot_of[number].load(std::memory_order_relaxed) != 0) return Errc::busy;
    const std::size_t index = used.load(std::memory_order_relaxed);
    if (index == interrupt_slots) return Errc::no_memory;
    slots[index] = {handler, context, irq};
    slot_of[number].store(static_cast<std::uint8_t>(index), std::memory_order_release);
    used.store(index + 1, std::memory_order_release); // pairs with in_use()
    return {};
}

} // namespace

void install_chip(IrqChip& chip) {
    DRUPE_ASSERT(!installed);
    installed = &chip;
}

IrqChip& chip() {
    DRUPE_ASSERT(installed);
    return *installed;
}

Result<void> attach(IrqNumber irq, Trigger trigger, Handler handler, void* context) {
    const bool is_software = static_cast<std::uint32_t>(irq) < software_limit;
    if (!is_software) TRY(chip().configure(irq, trigger));
    TRY(reserve(irq, handler, context));
    if (!is_software) chip().unmask(irq);
    return {};
}

void dispatch() {
    IrqChip& from = chip();
    auto& counts = this_cpu_core().interrupts;
    for (;;) {
        const IrqNumber irq = from.acknowledge();
        if (irq == no_interrupt) return;
        if (Slot* slot = find(irq)) {
            std::atomic<std::uint32_t>& count = counts[slot - slots];
            count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            slot->handler(slot->context);
        } else if (static_cast<std::uint32_t>(irq) >= software_limit) {
            from.mask(irq); // left on by firmware; nobody would ever quieten it
        }
        from.end(irq);
    }
}

std::size_t in_use() { return used.load(std::memory_order_acquire) - 1; }

IrqNumber number_of(std::size_t n) { return slots[n + 1].number; }

std::uint32_t count(const CpuCore& cpu, std::size_t n) {
    return cpu.interrupts[n + 1].load(std::memory_order_relaxed);
}

} // namespace drupe::irq
