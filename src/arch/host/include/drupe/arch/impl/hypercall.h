// SPDX-License-Identifier: BSD-2-Clause
// Firmware played by a test.
#pragma once

#include <cstdint>

namespace drupe::arch {
namespace host {

enum class Conduit : std::uint8_t { hvc, smc };
using Firmware = std::uint64_t (*)(Conduit, std::uint64_t function, std::uint64_t a,
                                   std::uint64_t b, std::uint64_t c);
inline Firmware firmware = nullptr;

} // namespace host

inline std::uint64_t hypervisor_call(std::uint64_t function, std::uint64_t a, std::uint64_t b,
                                     std::uint64_t c) {
    return host::firmware(host::Conduit::hvc, function, a, b, c);
}
inline std::uint64_t firmware_call(std::uint64_t function, std::uint64_t a, std::uint64_t b,
                                   std::uint64_t c) {
    return host::firmware(host::Conduit::smc, function, a, b, c);
}

} // namespace drupe::arch
