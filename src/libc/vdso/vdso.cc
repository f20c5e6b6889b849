// SPDX-License-Identifier: BSD-2-Clause
// The shared object that the kernel maps into every program: clocks without a system call. Runs in
// the program, on its stack; compiled for itself, not for the kernel.
#include <drupe/time/vdso_data.h>

#include <cstdint>

// One page below this object; the kernel keeps it current.
extern "C" __attribute__((visibility("hidden"))) const drupe::time::VdsoClock vdso_clock;

namespace {

struct Timespec {
    std::int64_t seconds;
    std::int64_t nanoseconds;
};
struct Timeval {
    std::int64_t seconds;
    std::int64_t microseconds;
};
struct Timezone {
    std::int32_t minutes_west;
    std::int32_t dst;
};

// [linux] include/uapi/linux/time.h
enum Clock : unsigned {
    realtime = 0,
    monotonic = 1,
    monotonic_raw = 4,
    realtime_coarse = 5,
    monotonic_coarse = 6,
    boottime = 7,
    tai = 11,
};
constexpr unsigned bit(Clock clock) { return 1u << clock; }
constexpr unsigned wall_clocks = bit(realtime) | bit(realtime_coarse) | bit(tai);
constexpr unsigned monotonic_clocks =
    bit(monotonic) | bit(monotonic_raw) | bit(monotonic_coarse) | bit(boottime);
constexpr std::uint64_t billion = 1'000'000'000;

constexpr long number_clock_gettime = 113, number_clock_getres = 114;

long system_call(long number, long first, void* second) {
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = first;
    register void* x1 asm("x1") = second;
    asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    return x0;
}

inline std::uint64_t high_product(std::uint64_t a, std::uint64_t b) {
    std::uint64_t high;
    asm("umulh %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

/// `value`, out of memory: the compiler would put it together from up to four instructions.
template <std::uint64_t value>
inline std::uint64_t literal() {
    std::uint64_t loaded;
    asm("ldr %0, =%1" : "=r"(loaded) : "i"(value));
    return loaded;
}

/// Nanoseconds since boot.
inline std::uint64_t since_boot() {
    std::uint64_t ticks;
    // [arm/arm] "CNTVCT_EL0": without a context synchronization before it the counter may be read
    // early, before a load that saw what another CPU stored at a later time.
    asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    ticks -= vdso_clock.base_ticks;
    const std::uint64_t mult = vdso_clock.mult;
    const unsigned shift = vdso_clock.shift; // 1 to 63
    return high_product(ticks, mult) << (-shift & 63) | ticks * mult >> shift;
}

inline std::uint64_t wall() {
    return since_boot() +
           static_cast<std::uint64_t>(vdso_clock.wall_offset.load(std::memory_order_relaxed));
}

inline void store(Timespec* to, std::uint64_t ns) {
    // ns / billion as (ns / 2^9) * inverse / 2^75; exact, as inverse * (billion / 2^9) is 2^75 and
    // less than 2^20 more, and ns / 2^9 has 55 bits.
    constexpr std::uint64_t inverse = 0x44b82fa09b5a53;
    static_assert(inverse * (billion >> 9) < 1u << 20); // what is left of it modulo 2^64
    const std::uint64_t seconds = high_product(ns >> 9, literal<inverse>()) >> 11;
    to->seconds = static_cast<std::int64_t>(seconds);
    to->nanoseconds = static_cast<std::int64_t>(ns - seconds * literal<billion>());
}

} // namespace

extern "C" {

#pragma GCC visibility push(default)

int __kernel_clock_gettime(unsigned clock, Timespec* out);
int __kernel_clock_gettime(unsigned clock, Timespec* out) {
    const bool known = clock < 32;
    if (__builtin_expect(known && (monotonic_clocks >> clock & 1) != 0, 1))
        store(out, since_boot());
    else if (__builtin_expect(known && (wall_clocks >> clock & 1) != 0, 1))
        store(out, wall());
    else
        return static_cast<int>(system_call(number_clock_gettime, static_cast<int>(clock), out));
    return 0;
}

int __kernel_gettimeofday(Timeval* out, Timezone* zone);
int __kernel_gettimeofday(Timeval* out, Timezone* zone) {
    if (out) {
        const std::uint64_t ns = wall();
        out->seconds = static_cast<std::int64_t>(ns / billion);
        out->microseconds = static_cast<std::int64_t>(ns % billion / 1000);
    }
    if (zone) *zone = {0, 0};
    return 0;
}

int __kernel_clock_getres(unsigned clock, Timespec* out);
int __kernel_clock_getres(unsigned clock, Timespec* out) {
    constexpr unsigned precise =
        bit(realtime) | bit(monotonic) | bit(monotonic_raw) | bit(boottime) | bit(tai);
    if (clock >= 32 || (1u << clock & precise) == 0)
        return static_cast<int>(system_call(number_clock_getres, static_cast<int>(clock), out));
    if (out) *out = {0, 1};
    return 0;
}

#pragma GCC visibility pop
}
