// SPDX-License-Identifier: BSD-2-Clause
// Conversion between the counter and nanoseconds, and the wall clock's offset.
#include <drupe/time/clock.h>

#include <drupe/base/assert.h>
#include <drupe/sync/spin_lock.h>
#include <drupe/time/vdso_data.h>

namespace drupe::time {

namespace detail {
constinit Source source{};
constinit std::atomic<std::int64_t> wall_offset{0};
} // namespace detail

namespace {
constinit SpinLock<LockRank::clock> wall_lock;
constinit VdsoClock* published = nullptr;

/// 2^exponent / divisor by shift and subtract: a 128-bit division would be a library call.
constexpr std::uint64_t divide_power_of_two(unsigned exponent, std::uint64_t divisor) {
    std::uint64_t quotient = 0;
    std::uint64_t rest = 1;
    for (; exponent > 0; --exponent) {
        rest <<= 1;
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    return quotient;
}
static_assert(divide_power_of_two(40, 1000) == (1ull << 40) / 1000);

} // namespace

void init() {
    constexpr std::uint64_t billion = 1'000'000'000;
    const std::uint64_t frequency = arch::ticks_per_second();
    DRUPE_ASSERT(frequency != 0);
    const std::uint64_t mult = (billion << detail::shift) / frequency;
    detail::source = {
        .base_ticks = arch::ticks(),
        .mult = mult,
        // Of mult, not of the frequency: a deadline must not come before now() says so. Up by
        // one: less than a tick too late in two years.
        .inverse = divide_power_of_two(detail::shift + detail::inverse_shift, mult) + 1,
    };
}

std::uint64_t deadline_to_ticks(Nanos deadline) {
    if (deadline.ns <= 0) return detail::source.base_ticks;
    const auto ns = static_cast<std::uint64_t>(deadline.ns);
    // The inverse is rounded up, the product down; one tick more makes it "not before". A deadline
    // beyond the counter's range is as good as its end.
    const detail::Wide ticks =
        (detail::Wide{ns} * detail::source.inverse >> detail::inverse_shift) + 1;
    const std::uint64_t room = UINT64_MAX - detail::source.base_ticks;
    return detail::source.base_ticks + (ticks < room ? static_cast<std::uint64_t>(ticks) : room);
}

void set_wall(Nanos wall) {
    IrqGuard guard{wall_lock};
    const std::int64_t offset = (wall - now()).ns;
    detail::wall_offset.store(offset, std::memory_order_relaxed);
    if (published) published->wall_offset.store(offset, std::memory_order_relaxed);
}

void publish_to(VdsoClock& clock) {
    IrqGuard guard{wall_lock};
    clock.shift = detail::shift;
    clock.mult = detail::source.mult;
    clock.base_ticks = detail::source.base_ticks;
    published = &clock;
    clock.wall_offset.store(detail::wall_offset.load(std::memory_order_relaxed),
                            std::memory_order_relaxed);
}

} // namespace drupe::time
