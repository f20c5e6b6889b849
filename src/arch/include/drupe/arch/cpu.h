// SPDX-License-Identifier: BSD-2-Clause
// What a CPU does besides computing. Every function may be called in any context.
#pragma once

#include <drupe/arch/impl/cpu.h>

#include <concepts>
#include <cstdint>

// Provided by the backend, namespace drupe::arch:
//   void cpu_relax()                 hint inside a spin loop
//   void cpu_wait_for_interrupt()    returns when an interrupt is pending, masked or not
//   void cpu_send_event()            ends other CPUs' waits for an event
//   [[noreturn]] void cpu_halt()     this CPU does nothing any more
//   bool hardware_random(uint64_t& value)   false: none now. Only where CpuFeatures::rndr
//   void* thread_pointer()           what set_thread_pointer stored on this CPU: the running Thread
//   void set_thread_pointer(void*)
//   bool has_thread_from_start       thread_pointer() is never null: the entry code has stored one
namespace drupe::arch {
static_assert(requires(void* p, std::uint64_t n) {
    { hardware_random(n) } -> std::same_as<bool>;
    { cpu_relax() } -> std::same_as<void>;
    { cpu_wait_for_interrupt() } -> std::same_as<void>;
    { cpu_send_event() } -> std::same_as<void>;
    { thread_pointer() } -> std::same_as<void*>;
    { set_thread_pointer(p) } -> std::same_as<void>;
    { has_thread_from_start } -> std::convertible_to<bool>;
});
} // namespace drupe::arch
