// SPDX-License-Identifier: BSD-2-Clause
// What the clock functions of the vDSO read: enough to turn the CPU's counter into monotonic and
// wall-clock time without the kernel. Portable layout; both sides include this file.
#pragma once

#include <atomic>
#include <cstdint>

namespace drupe::time {

///   monotonic = (ticks - base_ticks) * mult >> shift (128-bit product); wall = monotonic +
///   wall_offset
/// Only the offset changes, and it is one word: readers need no order among the fields.
struct VdsoClock {
    std::uint32_t shift;                   // constant
    std::uint64_t mult;                    // constant: nanoseconds per tick << shift
    std::uint64_t base_ticks;              // constant: counter at monotonic 0
    std::atomic<std::int64_t> wall_offset; // nanoseconds
};
static_assert(sizeof(VdsoClock) == 32);

/// Fills `clock`, which lies in memory that the program sees, and keeps it current from now on.
/// Context: thread. At most one.
void publish_to(VdsoClock& clock);

} // namespace drupe::time
