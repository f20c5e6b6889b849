// SPDX-License-Identifier: BSD-2-Clause
// Integers at unaligned places in a byte buffer, in both byte orders. Everything on a ZFS disk that
// is not a raw little-endian structure is read and written through these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace drupe::zfs {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

template <class T>
inline T load_le(const std::byte* p) {
    static_assert(std::is_integral_v<T>);
    T v;
    std::memcpy(&v, p, sizeof v); // both machines we build for are little-endian
    return v;
}
template <class T>
inline void store_le(std::byte* p, T v) {
    static_assert(std::is_integral_v<T>);
    std::memcpy(p, &v, sizeof v);
}
inline std::uint16_t load_be16(const std::byte* p) {
    return __builtin_bswap16(load_le<std::uint16_t>(p));
}
inline std::uint32_t load_be32(const std::byte* p) {
    return __builtin_bswap32(load_le<std::uint32_t>(p));
}
inline std::uint64_t load_be64(const std::byte* p) {
    return __builtin_bswap64(load_le<std::uint64_t>(p));
}
inline void store_be32(std::byte* p, std::uint32_t v) { store_le(p, __builtin_bswap32(v)); }
inline void store_be64(std::byte* p, std::uint64_t v) { store_le(p, __builtin_bswap64(v)); }

/// Copies a trivially copyable structure out of or into a buffer that is large enough.
template <class T>
inline T load(const std::byte* p) {
    static_assert(std::is_trivially_copyable_v<T>);
    T v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
template <class T>
inline void store(std::byte* p, const T& v) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(p, &v, sizeof v);
}

inline Bytes bytes_of(std::string_view s) {
    return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}
inline std::string_view text_of(Bytes b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
}
bool is_zero(Bytes bytes);

constexpr std::uint64_t round_up(std::uint64_t v, std::uint64_t power_of_two) {
    return (v + power_of_two - 1) & ~(power_of_two - 1);
}
/// Number of the highest set bit counted from 1; 0 for 0 (OpenZFS calls it highbit64).
constexpr unsigned high_bit(std::uint64_t v) {
    return v == 0 ? 0 : 64 - static_cast<unsigned>(__builtin_clzll(v));
}

} // namespace drupe::zfs
