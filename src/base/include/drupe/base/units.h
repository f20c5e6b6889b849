// SPDX-License-Identifier: BSD-2-Clause
// Units are types: an address, a count of pages or a time never crosses a library as a bare
// integer.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace drupe {

enum class PhysAddr : std::uint64_t {};
enum class VirtAddr : std::uint64_t {};

inline constexpr std::size_t page_shift = 12;
inline constexpr std::size_t page_size = std::size_t{1} << page_shift;
inline constexpr std::size_t page_mask = page_size - 1;

constexpr std::uint64_t raw(PhysAddr a) { return static_cast<std::uint64_t>(a); }
constexpr std::uint64_t raw(VirtAddr a) { return static_cast<std::uint64_t>(a); }
constexpr PhysAddr operator+(PhysAddr a, std::uint64_t bytes) { return PhysAddr{raw(a) + bytes}; }
constexpr VirtAddr operator+(VirtAddr a, std::uint64_t bytes) { return VirtAddr{raw(a) + bytes}; }
constexpr PhysAddr operator-(PhysAddr a, std::uint64_t bytes) { return PhysAddr{raw(a) - bytes}; }
constexpr VirtAddr operator-(VirtAddr a, std::uint64_t bytes) { return VirtAddr{raw(a) - bytes}; }
constexpr std::uint64_t operator-(PhysAddr a, PhysAddr b) { return raw(a) - raw(b); }
constexpr std::uint64_t operator-(VirtAddr a, VirtAddr b) { return raw(a) - raw(b); }

template <class Int>
constexpr Int align_down(Int value, std::size_t alignment) {
    return static_cast<Int>(static_cast<std::uint64_t>(value) & ~std::uint64_t{alignment - 1});
}
template <class Int>
constexpr Int align_up(Int value, std::size_t alignment) {
    return static_cast<Int>((static_cast<std::uint64_t>(value) + alignment - 1) &
                            ~std::uint64_t{alignment - 1});
}
template <class Int>
constexpr bool is_aligned(Int value, std::size_t alignment) {
    return (static_cast<std::uint64_t>(value) & (alignment - 1)) == 0;
}

struct PageCount {
    std::size_t n;
    constexpr std::size_t bytes() const { return n << page_shift; }
    static constexpr PageCount covering(std::size_t bytes) {
        return {(bytes >> page_shift) + ((bytes & page_mask) != 0)};
    }
    friend constexpr auto operator<=>(PageCount, PageCount) = default;
};

/// A piece of physical address space.
struct PhysRange {
    PhysAddr base;
    std::uint64_t bytes;
};

/// A span of time, or a point on the monotonic clock (which starts near 0 at boot).
struct Nanos {
    std::int64_t ns;
    friend constexpr auto operator<=>(Nanos, Nanos) = default;
    friend constexpr Nanos operator+(Nanos a, Nanos b) { return {a.ns + b.ns}; }
    friend constexpr Nanos operator-(Nanos a, Nanos b) { return {a.ns - b.ns}; }
    static constexpr Nanos never() { return {INT64_MAX}; }
    static constexpr Nanos from_seconds(std::int64_t s) { return {s * 1'000'000'000}; }
};

} // namespace drupe
