// SPDX-License-Identifier: BSD-2-Clause
// How programs are kept from the kernel. Chosen once at boot, before the first process. The names
// are AArch64's; an architecture without the first mode offers only the second.
#pragma once

#include <cstdint>

namespace drupe::arch {

enum class IsolationMode : std::uint8_t {
    el1t, // the program runs at the kernel's privilege, on its own stack pointer; a call is a call
    el0,  // the program runs unprivileged
};

} // namespace drupe::arch

#include <drupe/arch/impl/user_mode.h>

// Provided: IsolationMode isolation(), void set_isolation(IsolationMode)
