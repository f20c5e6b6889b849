// SPDX-License-Identifier: BSD-2-Clause
// The simulator's CPU.
#pragma once

#include <drupe/arch/host/machine.h>

#include <cstdint>
#include <cstdlib>

namespace drupe::arch {

inline void cpu_relax() { host::pause(true); }
inline void cpu_wait_for_interrupt() {
    if (host::machine.on_wait) host::machine.on_wait();
}
inline void cpu_send_event() {}
[[noreturn]] inline void cpu_halt() { std::abort(); }
inline bool hardware_random(std::uint64_t&) { return false; }
inline void* thread_pointer() { return host::this_cpu().thread_pointer; }
inline constexpr bool has_thread_from_start = false; // tests without a scheduler have none
inline void set_thread_pointer(void* thread) { host::this_cpu().thread_pointer = thread; }

} // namespace drupe::arch
