// SPDX-License-Identifier: BSD-2-Clause
// PageTable on the build machine: AArch64's tables in the test's arena, under a model of a CPU
// whose TLB never forgets by itself. It panics on what would break silently on silicon and cannot
// show on an emulator: see host/mmu.h.
#pragma once

#include <drupe/arch/aarch64/page_table_over.h>
#include <drupe/arch/direct_map.h>
#include <drupe/arch/host/mmu.h>

#include <cstddef>
#include <cstdint>

namespace drupe::arch {

class TableMachine {
public:
    using Descriptor = aarch64::Descriptor;
    static TableMachine user() { return TableMachine(host::Mmu::next_space()); }
    static TableMachine kernel() { return TableMachine(host::Mmu::kernel_space); }

    static Descriptor* table(PhysAddr at) { return static_cast<Descriptor*>(direct_map(at)); }
    static Result<PhysAddr> alloc_table() { return alloc_table_frame(); }
    static void free_table(PhysAddr at) { free_table_frame(at); }
    static std::uint64_t& groups(PhysAddr table) { return table_frame_word(table); }
    void store(std::uint64_t va, unsigned level, Descriptor& entry, Descriptor value) {
        if (host::Mmu::check_store(space_, va, level, entry, value)) entry = value;
    }
    void flush_pages(std::uint64_t va, std::size_t count) { host::Mmu::flush(space_, va, count); }
    void flush_all() { host::Mmu::flush_space(space_); }
    void flush_walks() { host::Mmu::flush_space(space_); }
    void activate(PhysAddr root, unsigned) { host::Mmu::activate(space_, root); }
    static void deactivate() { host::Mmu::activate(host::Mmu::no_space, PhysAddr{0}); }
    void publish() {}
    void destroyed() { host::Mmu::space_destroyed(space_); }

private:
    explicit TableMachine(std::uint64_t space) : space_(space) {}
    std::uint64_t space_;
};

using PageTable = aarch64::PageTableOver<TableMachine>;

inline void note_frame_freed(PhysAddr frame) { host::Mmu::frame_freed(frame); }

} // namespace drupe::arch
