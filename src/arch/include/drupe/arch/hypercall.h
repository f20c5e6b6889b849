// SPDX-License-Identifier: BSD-2-Clause
// Calls to what runs below the kernel: the firmware or the hypervisor ([arm/smccc] DEN 0028).
#pragma once

#include <drupe/arch/impl/hypercall.h>

#include <concepts>
#include <cstdint>

// Provided, each with a function number and three arguments, giving back the first result register:
//   uint64_t hypervisor_call(uint64_t, uint64_t, uint64_t, uint64_t)
//   uint64_t firmware_call(uint64_t, uint64_t, uint64_t, uint64_t)
// Only where the firmware's description says that there is such a thing: elsewhere the instruction
// is undefined or never returns.
namespace drupe::arch {
static_assert(requires(std::uint64_t n) {
    { hypervisor_call(n, n, n, n) } -> std::same_as<std::uint64_t>;
    { firmware_call(n, n, n, n) } -> std::same_as<std::uint64_t>;
});
} // namespace drupe::arch
