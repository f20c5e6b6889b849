// SPDX-License-Identifier: BSD-2-Clause
// A process's user half: regions, and the page tables that demand paging fills.
#pragma once

#include <drupe/arch/page_table.h>
#include <drupe/arch/trap.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>
#include <drupe/mm/vm_object.h>

#include <cstdint>

namespace drupe::mm {

enum class Sharing : std::uint8_t { private_copy, shared };
enum class Placement : std::uint8_t {
    anywhere,   // `at` is a hint
    fixed,      // replaces what is there
    fixed_free, // exists when something is there (MAP_FIXED_NOREPLACE)
};

struct MapRequest {
    VirtAddr at{};
    PageCount pages{};
    arch::Perm perm = arch::Perm::none; // without Perm::user; that is implied
    Sharing sharing = Sharing::private_copy;
    Placement placement = Placement::anywhere;
    RefPtr<VmObject> object;      // null: anonymous
    std::uint64_t first_page = 0; // of the object
    bool grows_down = false;      // a stack: extends on a fault just below, up to its limit
    bool populate = false;
    arch::Perm may =
        arch::Perm::read | arch::Perm::write | arch::Perm::exec; // upper bound for mprotect
};

enum class FaultOutcome : std::uint8_t {
    resolved,       // retry the instruction
    no_mapping,     // SIGSEGV, SEGV_MAPERR
    no_permission,  // SIGSEGV, SEGV_ACCERR
    beyond_object,  // SIGBUS, BUS_ADRERR
    stack_overflow, // SIGSEGV; the address lies in the guard gap below a growing stack
    no_memory,      // the process is to be killed with a message
};

/// Context of all: thread; takes the space's own sleeping lock. May sleep.
class AddressSpace {
public:
    /// Lowest address a mapping may have, and the first beyond the user half.
    static constexpr VirtAddr user_begin{0x10000};
    static constexpr VirtAddr user_end{0x0001'0000'0000'0000};

    static Result<OwnPtr<AddressSpace>> create();
    ~AddressSpace();
    /// Copy-on-write copy of everything (fork). no_memory.
    Result<OwnPtr<AddressSpace>> clone();

    /// invalid, no_memory, exists.
    Result<VirtAddr> map(const MapRequest& request);
    Result<void> unmap(VirtAddr at, PageCount pages);
    /// no_memory: part of the range is not mapped; access: beyond `may`.
    Result<void> protect(VirtAddr at, PageCount pages, arch::Perm perm);
    /// mremap without DONTUNMAP. `fixed_to` 0: stay, or move when may_move.
    Result<VirtAddr> remap(VirtAddr at, PageCount old_pages, PageCount new_pages, bool may_move,
                           VirtAddr fixed_to);
    /// Pages of the range read as fresh (anonymous: zeros, file: the file) afterwards.
    Result<void> discard(VirtAddr at, PageCount pages);
    FaultOutcome fault(VirtAddr address, arch::Access access);
    void activate();

    struct RegionInfo; // for /proc/self/maps: bounds, perm, sharing, offset, name
    template <class Visit>
    void for_each_region(Visit visit);
};

} // namespace drupe::mm
