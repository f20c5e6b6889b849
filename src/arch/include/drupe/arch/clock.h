// SPDX-License-Identifier: BSD-2-Clause
// The CPU's monotonic counter and its one-shot timer. Counter and timer share one unit, the tick.
#pragma once

#include <drupe/arch/impl/clock.h>

#include <concepts>
#include <cstdint>

// Provided:
//   uint64_t ticks()                      never goes back, same on all CPUs
//   uint64_t ticks_per_second()           constant after boot, never 0
//   void timer_arm(uint64_t deadline)     interrupt once ticks() >= deadline (at once if past)
//   void timer_disarm()
namespace drupe::arch {
static_assert(requires(std::uint64_t t) {
    { ticks() } -> std::same_as<std::uint64_t>;
    { ticks_per_second() } -> std::same_as<std::uint64_t>;
    { timer_arm(t) } -> std::same_as<void>;
    { timer_disarm() } -> std::same_as<void>;
});
} // namespace drupe::arch
