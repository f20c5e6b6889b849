// SPDX-License-Identifier: BSD-2-Clause
// What boot alone had to write becomes read-only, under both of its addresses.
#include "machine_state.h"

#include <drupe/arch/boot.h>
#include <drupe/mm/frames.h>
#include <drupe/mm/kernel_space.h>

namespace drupe::image {

extern "C" const char drupe_sealed_begin[], drupe_sealed_end[];

Result<void> seal_kernel() {
    const std::size_t bytes = static_cast<std::size_t>(drupe_sealed_end - drupe_sealed_begin);
    if (bytes == 0) return {};
    TRY(mm::protect_kernel(drupe_sealed_begin, bytes, arch::Perm::read));
    const std::uint64_t offset =
        reinterpret_cast<std::uint64_t>(drupe_sealed_begin) - arch::kernel_base();
    return mm::protect_kernel(mm::phys_to_virt(state.boot.image + offset), bytes, arch::Perm::read);
}

} // namespace drupe::image
