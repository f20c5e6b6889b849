// SPDX-License-Identifier: BSD-2-Clause
// The table from interrupt numbers to handlers. Handlers are never detached, so dispatch needs no
// lock: a number's slot is published once and stays.
#include <drupe/irq/irq_chip.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>

namespace drupe::irq {
namespace {

constexpr std::uint32_t wired_limit = 1024;
constexpr std::uint32_t place_limit = wired_limit + interrupt_slots;
constexpr std::uint32_t software_limit = 16;

struct Slot {
    Handler handler;
    void* context;
    IrqNumber number;
    std::uint32_t cpu; // that is to take it
};

constinit IrqChip* installed = nullptr;
constinit SpinLock<LockRank::device> table_lock;
constinit Slot slots[interrupt_slots] = {};
constinit std::atomic<std::size_t> used{1}; // grows with table_lock held, when a slot is whole
constinit std::atomic<std::uint8_t> slot_of[place_limit] = {};
constinit std::uint32_t cpus_here GUARDED_BY(table_lock) = 1;
static_assert(interrupt_slots <= 256);

/// Where in slot_of a number has its place; place_limit: nowhere.
std::uint32_t place_of(IrqNumber irq) {
    const auto number = static_cast<std::uint32_t>(irq);
    if (number < wired_limit) return number;
    const bool is_message = number - first_message < interrupt_slots; // less than the first wraps
    return is_message ? wired_limit + (number - first_message) : place_limit;
}

Slot* find(IrqNumber irq) {
    const std::uint32_t place = place_of(irq);
    if (place == place_limit) return nullptr;
    // Pairs with the release store in attach(): the slot's contents come with its number.
    const std::uint8_t index = slot_of[place].load(std::memory_order_acquire);
    return index == 0 ? nullptr : &slots[index];
}

Result<void> reserve(IrqNumber irq, Handler handler, void* context, std::uint32_t cpu) {
    const std::uint32_t place = place_of(irq);
    if (place == place_limit) return Errc::invalid;
    IrqGuard guard{table_lock};
    if (slot_of[place].load(std::memory_order_relaxed) != 0) return Errc::busy;
    const std::size_t index = used.load(std::memory_order_relaxed);
    if (index == interrupt_slots) return Errc::no_memory;
    slots[index] = {handler, context, irq, cpu};
    slot_of[place].store(static_cast<std::uint8_t>(index), std::memory_order_release);
    used.store(index + 1, std::memory_order_release); // pairs with in_use()
    if (cpu != 0 && cpu < cpus_here) chip().route(irq, cpu);
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

Result<void> attach(IrqNumber irq, Trigger trigger, Handler handler, void* context,
                    std::uint32_t cpu) {
    const bool is_software = static_cast<std::uint32_t>(irq) < software_limit;
    if (!is_software) TRY(chip().configure(irq, trigger));
    TRY(reserve(irq, handler, context, cpu));
    if (!is_software) chip().unmask(irq);
    return {};
}

void cpu_arrived() {
    IrqGuard guard{table_lock};
    const std::uint32_t cpu = cpus_here++;
    const std::size_t count = used.load(std::memory_order_relaxed);
    for (std::size_t i = 1; i < count; i++)
        if (slots[i].cpu == cpu) chip().route(slots[i].number, cpu);
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
