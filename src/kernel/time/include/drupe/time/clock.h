// SPDX-License-Identifier: BSD-2-Clause
// The kernel's clocks. One counter, that of the CPU, turned into nanoseconds by a multiplication
// computed once; the wall clock is an offset to it.
#pragma once

#include <drupe/arch/clock.h>
#include <drupe/base/units.h>
#include <drupe/time/timer.h>

#include <atomic>
#include <cstdint>

namespace drupe::time {

namespace detail {
__extension__ typedef unsigned __int128 Wide;
struct Source {
    std::uint64_t base_ticks;
    std::uint64_t mult;    // nanoseconds per tick << shift
    std::uint64_t inverse; // ticks per nanosecond << inverse_shift
};
inline constexpr unsigned shift = 32;
inline constexpr unsigned inverse_shift = 56;
extern Source source;
extern std::atomic<std::int64_t> wall_offset;
} // namespace detail

/// Reads the counter's frequency; monotonic time starts here. Once per boot, before anything else
/// in this room.
void init();

/// Nanoseconds that `ticks` of the counter last.
inline Nanos ticks_to_nanos(std::uint64_t ticks) {
    return {static_cast<std::int64_t>(
        static_cast<std::uint64_t>(detail::Wide{ticks} * detail::source.mult >> detail::shift))};
}
/// Counter value at or just after a point on the monotonic clock; the past gives the base.
std::uint64_t deadline_to_ticks(Nanos deadline);

/// Time since boot. Any context.
inline Nanos now() { return ticks_to_nanos(arch::ticks() - detail::source.base_ticks); }

/// now() + wall_offset() == wall(). Any context.
inline Nanos wall_offset() { return {detail::wall_offset.load(std::memory_order_relaxed)}; }
/// Wall-clock time as nanoseconds since 1970-01-01 UTC. Any context.
inline Nanos wall() { return now() + wall_offset(); }
/// Sets the wall clock. Context: thread.
void set_wall(Nanos wall);

} // namespace drupe::time
