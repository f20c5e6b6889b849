// SPDX-License-Identifier: BSD-2-Clause
// Reading a program's memory whether or not its space is the active one: through the direct map.
#include "space_parts.h"

#include <algorithm>
#include <cstring>

namespace drupe::mm {

Result<PhysAddr> AddressSpace::readable_frame(VirtAddr page) {
    for (;;) {
        {
            SpinGuard guard(table_lock_);
            const arch::Mapping present = table_.query(page);
            if (arch::has(present.perm, arch::Perm::read)) {
                const PhysAddr frame = present.frame;
                retain_frame(frame);
                return frame;
            }
        }
        // Taken out again before the next look: memory is short, or the region is going.
        switch (fault(page, arch::Access::read)) {
        case FaultOutcome::resolved: break;
        case FaultOutcome::no_memory: return Errc::no_memory;
        default: return Errc::fault;
        }
    }
}

Result<void> AddressSpace::read(VirtAddr from, std::span<std::byte> to) {
    while (!to.empty()) {
        const VirtAddr page = align_down(from, page_size);
        const std::size_t bytes = std::min<std::size_t>(to.size(), page + page_size - from);
        const PhysAddr frame = TRY(readable_frame(page));
        std::memcpy(to.data(), static_cast<std::byte*>(phys_to_virt(frame)) + (from - page), bytes);
        release_frame(frame);
        from = from + bytes;
        to = to.subspan(bytes);
    }
    return {};
}

} // namespace drupe::mm
