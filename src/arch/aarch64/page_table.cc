// SPDX-License-Identifier: BSD-2-Clause
// TLB maintenance and the switch of user halves. [arm/arm] "TLBI …", "TTBR0_EL1".
#include <drupe/arch/page_table.h>

namespace drupe::arch {
namespace {

constinit aarch64::AsidAllocator<DRUPE_MAX_CPUS> asids;
// What TTBR0 points to while no program's half is active.
alignas(page_size) constinit std::uint64_t empty_root[page_size / sizeof(std::uint64_t)] = {};
constinit std::uint64_t empty_root_address = 0;

// TLBI operand: VA[55:12] in [43:0], ASID in [63:48].
constexpr std::uint64_t tlbi_operand(std::uint64_t va, std::uint64_t asid) {
    return asid << 48 | (va >> page_shift & 0xfff'ffff'ffff);
}

std::uint64_t physical_address(const void* kernel_address) {
    std::uint64_t par;
    asm volatile("at s1e1r, %1\n\tisb\n\tmrs %0, par_el1" : "=r"(par) : "r"(kernel_address));
    return par & aarch64::address_mask; // [arm/arm] "PAR_EL1": PA[47:12]
}

void set_user_root(std::uint64_t ttbr0) {
    // The ISB makes the new tables and ASID count before anything touches a user address.
    asm volatile("msr ttbr0_el1, %0\n\tisb" ::"r"(ttbr0) : "memory");
}

void flush_local_user() {
    asm volatile("dsb nshst\n\ttlbi vmalle1\n\tdsb nsh\n\tisb" ::: "memory");
}

} // namespace

TableMachine TableMachine::kernel() {
    std::uint64_t mmfr0;
    asm("mrs %0, id_aa64mmfr0_el1" : "=r"(mmfr0));
    // ASIDBits, bits [7:4]: 0b0010 is 16 bits; TCR_EL1.AS was set accordingly at boot.
    asids.init((mmfr0 >> 4 & 0xf) == 2 ? 16 : 8);
    empty_root_address = physical_address(empty_root);
    return TableMachine(true);
}

// The DSB first: a CPU that takes the space after this look at its context walks what was stored
// before. Pairs with the one in activate().
void TableMachine::flush_pages(std::uint64_t va, std::size_t count) {
    asm volatile("dsb ishst" ::: "memory");
    const std::uint64_t context = context_.value.load(std::memory_order_relaxed);
    if (!kernel_ && context == 0) return; // never ran: nothing cached
    if (kernel_) {
        for (; count > 0; count--, va += page_size)
            asm volatile("tlbi vaae1is, %0" ::"r"(tlbi_operand(va, 0)) : "memory");
    } else {
        std::uint64_t operand = tlbi_operand(va, asids.asid(context));
        for (; count > 0; count--, operand++)
            asm volatile("tlbi vae1is, %0" ::"r"(operand) : "memory");
    }
    asm volatile("dsb ish\n\tisb" ::: "memory");
}

void TableMachine::flush_all() {
    asm volatile("dsb ishst" ::: "memory");
    const std::uint64_t context = context_.value.load(std::memory_order_relaxed);
    if (!kernel_ && context == 0) return;
    if (kernel_)
        asm volatile("tlbi vmalle1is" ::: "memory");
    else
        asm volatile("tlbi aside1is, %0" ::"r"(tlbi_operand(0, asids.asid(context))) : "memory");
    asm volatile("dsb ish\n\tisb" ::: "memory");
}

void TableMachine::activate(PhysAddr root, unsigned cpu) {
    const std::uint64_t before = context_.value.load(std::memory_order_relaxed);
    const std::uint64_t asid = asids.activate(context_, cpu, flush_local_user);
    // A context that is new is seen by every flush before this CPU walks the tables: it is either
    // flushed, or walks what the flush was for.
    if (context_.value.load(std::memory_order_relaxed) != before) {
        asm volatile("dsb ish" ::: "memory");
    }
    set_user_root(asid << 48 | raw(root)); // ASID in [63:48]; TCR_EL1.A1 = 0 takes it from TTBR0
}

void TableMachine::deactivate() { set_user_root(empty_root_address); }

} // namespace drupe::arch
