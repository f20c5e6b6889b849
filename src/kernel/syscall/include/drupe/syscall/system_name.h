// SPDX-License-Identifier: BSD-2-Clause
// What the system calls itself (uname(2), /proc/sys/kernel).
#pragma once

#include <drupe/base/result.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace drupe::syscall {

/// struct new_utsname: NUL-terminated, at most 64 bytes each.
struct SystemName {
    static constexpr std::size_t field_bytes = 65;
    using Field = std::array<char, field_bytes>;
    Field sysname, nodename, release, version, machine, domainname;
};
static_assert(sizeof(SystemName) == 390);

/// Context: thread.
SystemName system_name();
/// invalid: longer than 64 bytes.
Result<void> set_host_name(std::string_view name);
Result<void> set_domain_name(std::string_view name);

} // namespace drupe::syscall
