// SPDX-License-Identifier: BSD-2-Clause
// The simulator's clock: it moves only when the test says so.
#pragma once

#include <drupe/arch/host/machine.h>

namespace drupe::arch {

inline std::uint64_t ticks() { return host::machine.clock; }
inline std::uint64_t ticks_per_second() { return host::machine.ticks_per_second; }
inline void timer_arm(std::uint64_t deadline) { host::this_cpu().timer = deadline; }
inline void timer_disarm() { host::this_cpu().timer = UINT64_MAX; }

} // namespace drupe::arch
