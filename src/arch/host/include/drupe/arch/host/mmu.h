// SPDX-License-Identifier: BSD-2-Clause
// A model of one CPU's memory management for tests: a TLB that keeps every translation it ever used
// until it is flushed, and an instruction cache that knows which frames it has seen. Panics when
//   - a valid entry becomes another valid one that needs break-before-make;
//   - an entry becomes valid while the TLB still holds another translation of that page;
//   - an access would be served by a translation that the tables have taken back;
//   - a frame is given back while the TLB still leads to it, or a table while a walk through it is
//     cached; a table takes the place of such a one;
//   - an instruction is fetched from a frame that was never icache_sync()ed since it was allocated.
#pragma once

#include <drupe/arch/page_table_types.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace drupe::arch::host {

enum class MmuAccess : std::uint8_t { read, write, exec };
enum class MmuOutcome : std::uint8_t { done, translation_fault, permission_fault };

struct MmuResult {
    MmuOutcome outcome;
    PhysAddr address; // when done
};

class Mmu {
public:
    static constexpr std::uint64_t no_space = 0;
    static constexpr std::uint64_t kernel_space = 1;

    /// What the active space's program sees when it touches `va`.
    static MmuResult access(VirtAddr va, MmuAccess access);
    static void reset();
    /// Translations the TLB holds now.
    static std::size_t cached();

    static std::uint64_t next_space();
    static void activate(std::uint64_t space, PhysAddr root);
    /// False: a planted defect, the store is not done.
    [[nodiscard]] static bool check_store(std::uint64_t space, std::uint64_t va, unsigned level,
                                          std::uint64_t from, std::uint64_t to);
    static void flush(std::uint64_t space, std::uint64_t va, std::size_t pages);
    static void flush_space(std::uint64_t space);
    static void space_destroyed(std::uint64_t space);
    static void frame_freed(PhysAddr frame);
    static void instructions_synced(std::span<const std::byte> where);

    /// Where flushes were asked for, and valid entries taken back (the break before a make), since
    /// the last reset(): the addresses that the calls return to.
    static std::vector<const void*> sites();
    /// Plants a defect, past reset(): what is asked for there is not done. Null: none.
    static void leave_out(const void* site);
};

} // namespace drupe::arch::host
