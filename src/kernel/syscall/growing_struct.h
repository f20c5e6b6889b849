// SPDX-License-Identifier: BSD-2-Clause
// Structures that newer programs know more of: openat2, clone3.
#pragma once

#include <drupe/arch/user_access.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <algorithm>
#include <cstdint>

namespace drupe::syscall {

/// A program's T of `size` bytes, of which at least `least` are due; what it leaves out is zero.
/// invalid: too short; too_big: it says something that is not known here; fault.
template <class T>
Result<T> get_growing(VirtAddr at, std::uint64_t size, std::uint64_t least) {
    if (size > page_size) return Errc::too_big;
    if (size < least) return Errc::invalid;
    for (std::uint64_t i = sizeof(T); i < size; i++)
        if (TRY(arch::get_user<char>(at + i)) != 0) return Errc::too_big;
    T value{};
    TRY(arch::copy_from_user(&value, at, std::min<std::uint64_t>(size, sizeof value)));
    return value;
}

} // namespace drupe::syscall
