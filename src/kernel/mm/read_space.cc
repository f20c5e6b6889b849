// SPDX-License-Identifier: BSD-2-Clause
// A program's memory whether or not its space is the active one: through the direct map, and for
// devices.
#include "space_parts.h"

#include <algorithm>
#include <cstring>

namespace drupe::mm {

Result<PhysAddr> AddressSpace::hold(VirtAddr page, arch::Access access) {
    const arch::Perm needed = access == arch::Access::write ? arch::Perm::write : arch::Perm::read;
    for (;;) {
        {
            SpinGuard guard(table_lock_);
            const arch::Mapping present = table_.query(page);
            if (arch::has(present.perm, needed)) {
                const PhysAddr frame = present.frame;
                retain_frame(frame);
                return frame;
            }
        }
        // Taken out again before the next look: memory is short, or the region is going.
        switch (fault(page, access)) {
        case FaultOutcome::resolved: break;
        case FaultOutcome::no_memory: return Errc::no_memory;
        default: return Errc::fault;
        }
    }
}

bool AddressSpace::is_writable_as(VirtAddr page, PhysAddr frame) {
    SpinGuard guard(table_lock_);
    const arch::Mapping present = table_.query(page);
    return present.frame == frame && arch::has(present.perm, arch::Perm::write);
}

Result<void> AddressSpace::read(VirtAddr from, std::span<std::byte> to) {
    while (!to.empty()) {
        const VirtAddr page = align_down(from, page_size);
        const std::size_t bytes = std::min<std::size_t>(to.size(), page + page_size - from);
        const PhysAddr frame = TRY(hold(page, arch::Access::read));
        std::memcpy(to.data(), static_cast<std::byte*>(phys_to_virt(frame)) + (from - page), bytes);
        release_frame(frame);
        from = from + bytes;
        to = to.subspan(bytes);
    }
    return {};
}

bool AddressSpace::read_present(VirtAddr from, std::span<std::byte> to) {
    const VirtAddr page = align_down(from, page_size);
    DRUPE_ASSERT(to.size() <= page + page_size - from);
    PhysAddr frame{};
    {
        Guard guard(lock_);
        const Region* const region = find(page);
        if (!region) return false;
        {
            SpinGuard table_guard(table_lock_);
            const arch::Mapping mapped = table_.query(page);
            if (mapped.perm != arch::Perm::none) {
                frame = mapped.frame;
                retain_frame(frame);
            }
        }
        if (raw(frame) == 0 && region->object)
            frame = region->object->get_present_page(region->page_index(page));
    }
    if (raw(frame) == 0) return false;
    std::memcpy(to.data(), static_cast<std::byte*>(phys_to_virt(frame)) + (from - page), to.size());
    release_frame(frame);
    return true;
}

} // namespace drupe::mm
