// SPDX-License-Identifier: BSD-2-Clause
// The real machine below PageTable: tables in the direct map, TLBs by TLBI.
//
// Discipline ([arm/arm] "TLB maintenance requirements and the TLB maintenance instructions",
// "Ordering and completion of TLB maintenance instructions"): stores to tables, DSB ISHST (every
// walker of the shareability domain sees them), TLBI …IS, DSB ISH (complete on all CPUs, accesses
// through old entries included), ISB (this CPU's later fetches; the program may be entered without
// an exception return). Making an invalid entry valid needs no TLBI: invalid entries are not
// cached.
#pragma once

#include <drupe/arch/aarch64/asid.h>
#include <drupe/arch/aarch64/page_table_over.h>
#include <drupe/arch/direct_map.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace drupe::arch {

class TableMachine {
public:
    using Descriptor = aarch64::Descriptor;
    static TableMachine user() { return TableMachine(false); }
    static TableMachine kernel();
    TableMachine(TableMachine&& other) noexcept : kernel_(other.kernel_) {
        context_.value.store(other.context_.value.load(std::memory_order_relaxed),
                             std::memory_order_relaxed);
    }

    static Descriptor* table(PhysAddr at) { return static_cast<Descriptor*>(direct_map(at)); }
    static Result<PhysAddr> alloc_table() { return alloc_table_frame(); }
    static void free_table(PhysAddr at) { free_table_frame(at); }
    static std::uint64_t& groups(PhysAddr table) { return table_frame_word(table); }
    void store(std::uint64_t, unsigned, Descriptor& entry, Descriptor value) {
        // Release: a table's zeros, or a page's content, before the entry that leads to them.
        // Pairs with the walkers' dependent reads.
        std::atomic_ref(entry).store(value, std::memory_order_release);
    }

    void flush_pages(std::uint64_t va, std::size_t count);
    void flush_all();
    void flush_walks() { flush_all(); } // by ASID or all: TLBI's last-level-only forms are not used
    void activate(PhysAddr root, unsigned cpu);
    static void deactivate();
    void publish() {
        asm volatile("dsb ishst" ::: "memory");
        if (kernel_) asm volatile("isb" ::: "memory"); // kernel code does not retry a fault
    }
    void destroyed() {}

private:
    explicit TableMachine(bool kernel) : kernel_(kernel) {}
    bool kernel_;
    aarch64::AsidContext context_;
};

using PageTable = aarch64::PageTableOver<TableMachine>;

inline void note_frame_freed(PhysAddr) {}

} // namespace drupe::arch
