// SPDX-License-Identifier: BSD-2-Clause
// Helpers of AddressSpace's source files.
#pragma once

#include <drupe/mm/address_space.h>

#include <algorithm>

namespace drupe::mm {

/// Destroyed after the locks are gone: the last reference to an object may do anything.
struct AddressSpace::Doomed {
    Region* chain = nullptr; // through next_of_object
    void add(Region& region) {
        region.next_of_object = chain;
        chain = &region;
    }
    ~Doomed() {
        while (chain) {
            Region* r = chain;
            chain = r->next_of_object;
            if (r->is_counted) r->file->detach();
            delete r;
        }
    }
};

/// Made before anything changes, so that no operation stops half-way for want of a Region.
struct AddressSpace::Spares {
    Region* chain = nullptr;
    Result<void> add() {
        auto* r = new (std::nothrow) Region;
        if (!r) return Errc::no_memory;
        r->next_of_object = chain;
        chain = r;
        return {};
    }
    Region& take() {
        DRUPE_ASSERT(chain != nullptr);
        Region* r = chain;
        chain = r->next_of_object;
        r->next_of_object = nullptr;
        return *r;
    }
    ~Spares() {
        while (chain) delete &take();
    }
};

/// What the table says for a region's `perm`. Reading goes with every other permission, also while
/// the write permission itself is held back.
inline arch::Perm user_perm(arch::Perm perm, bool writable) {
    if (perm != arch::Perm::none) perm = perm | arch::Perm::read;
    perm = perm | arch::Perm::user;
    return writable ? perm : arch::without(perm, arch::Perm::write);
}

/// A frame that only one page table entry leads to.
inline bool is_exclusive(const Frame& frame) {
    return (frame.flags & frame_in_cache) == 0 && frame.refs.load(std::memory_order_acquire) == 1;
}

/// What read faults on anonymous memory see until the first write. Has its own reference.
PhysAddr zero_frame();

} // namespace drupe::mm
