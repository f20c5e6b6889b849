// SPDX-License-Identifier: BSD-2-Clause
// A program's memory whether or not its space is the active one: through the direct map, and for
// devices.
#include "space_parts.h"

#include <algorithm>
#include <cstring>

namespace drupe::mm {

Result<std::size_t> AddressSpace::hold(VirtAddr page, arch::Access access,
                                       std::span<PhysAddr> frames) {
    const arch::Perm needed = access == arch::Access::write ? arch::Perm::write : arch::Perm::read;
    for (std::size_t count = 0;;) {
        {
            SpinGuard guard(table_lock_);
            for (; count < frames.size(); count++) {
                const arch::Mapping present = table_.query(page + (count << page_shift));
                if (!arch::has(present.perm, needed)) break;
                retain_frame(present.frame);
                frames[count] = present.frame;
            }
        }
        if (count == frames.size()) return count;
        // Taken out again before the next look: memory is short, or the region is going.
        const FaultOutcome outcome = fault(page + (count << page_shift), access);
        if (outcome == FaultOutcome::resolved) continue;
        if (count != 0) return count;
        return outcome == FaultOutcome::no_memory ? Errc::no_memory : Errc::fault;
    }
}

std::size_t AddressSpace::count_writable_as(VirtAddr page, std::span<const PhysAddr> frames) {
    SpinGuard guard(table_lock_);
    for (std::size_t i = 0; i < frames.size(); i++) {
        const arch::Mapping present = table_.query(page + (i << page_shift));
        if (present.frame != frames[i] || !arch::has(present.perm, arch::Perm::write)) return i;
    }
    return frames.size();
}

Result<void> AddressSpace::read(VirtAddr from, std::span<std::byte> to) {
    while (!to.empty()) {
        const VirtAddr page = align_down(from, page_size);
        const std::size_t bytes = std::min<std::size_t>(to.size(), page + page_size - from);
        PhysAddr frame{};
        TRY(hold(page, arch::Access::read, {&frame, 1}));
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
