// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/hypercall.h>
#include <drupe/drivers/psci.h>

namespace drupe::drivers::psci {
namespace {

// [psci] "Function prototypes", "Return error codes"
enum Function : std::uint32_t {
    psci_version = 0x8400'0000,
    psci_cpu_on = 0xc400'0003,
    psci_system_off = 0x8400'0008,
    psci_system_reset = 0x8400'0009,
};
constexpr std::int32_t success = 0, not_supported = -1, invalid_parameters = -2, already_on = -4,
                       on_pending = -5;

Result<std::int32_t> call(Conduit conduit, Function function, std::uint64_t a = 0,
                          std::uint64_t b = 0, std::uint64_t c = 0) {
    switch (conduit) {
    case Conduit::hvc: return static_cast<std::int32_t>(arch::hypervisor_call(function, a, b, c));
    case Conduit::smc: return static_cast<std::int32_t>(arch::firmware_call(function, a, b, c));
    case Conduit::none: break;
    }
    return Errc::not_supported;
}

} // namespace

Result<Version> version(Conduit conduit) {
    const std::int32_t value = TRY(call(conduit, psci_version));
    if (value < 0) return Errc::not_supported;
    return Version{static_cast<std::uint16_t>(value >> 16), static_cast<std::uint16_t>(value)};
}

Result<void> cpu_on(Conduit conduit, std::uint64_t hardware_id, PhysAddr entry,
                    std::uint64_t context) {
    switch (TRY(call(conduit, psci_cpu_on, hardware_id, raw(entry), context))) {
    case success: return {};
    case already_on:
    case on_pending: return Errc::busy;
    case invalid_parameters: return Errc::no_device;
    case not_supported: return Errc::not_supported;
    default: return Errc::io;
    }
}

Result<void> system_off(Conduit conduit) {
    TRY(call(conduit, psci_system_off));
    return Errc::io;
}

Result<void> system_reset(Conduit conduit) {
    TRY(call(conduit, psci_system_reset));
    return Errc::io;
}

} // namespace drupe::drivers::psci
