// SPDX-License-Identifier: BSD-2-Clause
// The kernel's window onto all RAM: physical address plus a constant. What is not RAM is not in it.
#pragma once

#include <drupe/arch/impl/direct_map.h>
#include <drupe/base/units.h>

#include <cstdint>

// Provided by the backend: direct_map_offset, a constant or a variable set before first use.
namespace drupe::arch {

inline void* direct_map(PhysAddr address) {
    return reinterpret_cast<void*>(raw(address) + direct_map_offset);
}
inline PhysAddr direct_unmap(const void* direct_mapped) {
    return PhysAddr{reinterpret_cast<std::uintptr_t>(direct_mapped) - direct_map_offset};
}

} // namespace drupe::arch
