// SPDX-License-Identifier: BSD-2-Clause
// The kernel's only way to a program's memory. A range outside the user half or a page that cannot
// be faulted in gives Errc::fault; nothing else can go wrong. May sleep (page faults). Never called
// with a spin lock held.
#pragma once

#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace drupe::arch {

/// Bytes not copied (0 = all). The copied part is a prefix.
std::size_t copy_from_user_raw(void* to, VirtAddr from, std::size_t bytes);
std::size_t copy_to_user_raw(VirtAddr to, const void* from, std::size_t bytes);
std::size_t clear_user_raw(VirtAddr to, std::size_t bytes);
/// Copies up to and including a NUL, at most `capacity` bytes. Returns the length without the NUL;
/// name_too_long when there is none; fault.
Result<std::size_t> copy_string_from_user(char* to, VirtAddr from, std::size_t capacity);

inline Result<void> copy_from_user(void* to, VirtAddr from, std::size_t bytes) {
    return copy_from_user_raw(to, from, bytes) == 0 ? Result<void>{} : Errc::fault;
}
inline Result<void> copy_to_user(VirtAddr to, const void* from, std::size_t bytes) {
    return copy_to_user_raw(to, from, bytes) == 0 ? Result<void>{} : Errc::fault;
}
template <class T>
requires std::is_trivially_copyable_v<T> Result<T> get_user(VirtAddr from) {
    T value;
    if (copy_from_user_raw(&value, from, sizeof value) != 0) return Errc::fault;
    return value;
}
template <class T>
requires std::is_trivially_copyable_v<T> Result<void> put_user(VirtAddr to, const T& value) {
    return copy_to_user(to, &value, sizeof value);
}
/// Atomic operations on a 32-bit user word (futex): the old value, or fault.
Result<std::uint32_t> user_load(VirtAddr word);
Result<std::uint32_t> user_compare_exchange(VirtAddr word, std::uint32_t expected,
                                            std::uint32_t desired);

} // namespace drupe::arch
