// SPDX-License-Identifier: BSD-2-Clause
// What the memory calls have in common. Private to this room.
#pragma once

#include <drupe/mm/address_space.h>
#include <drupe/process/process.h>

namespace drupe::syscall {

/// For calls that take addresses or data or lock memory: with the process's limits as they are now.
mm::AddressSpace& limited_space();

/// Without a tag: the top byte is the program's own ([arm/arm] "Address tagging").
inline VirtAddr untag(VirtAddr at) {
    constexpr unsigned tag_bits = 8;
    return VirtAddr{raw(at) & static_cast<std::uint64_t>(
                                  static_cast<std::int64_t>(raw(at) << tag_bits) >> tag_bits)};
}

} // namespace drupe::syscall
