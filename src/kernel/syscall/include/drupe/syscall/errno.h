// SPDX-License-Identifier: BSD-2-Clause
// The one place where Linux's error numbers exist. [linux] asm-generic/errno-base.h, errno.h.
#pragma once

#include <drupe/base/errc.h>

#include <cstdint>
#include <string_view>

namespace drupe::syscall {

/// What a program finds in its return register for `errc`: -errno, or one of arch::CallOutcome.
/// `errc` is not ok.
std::int64_t to_return_value(Errc errc);
/// "ENOENT" for 2; empty when no Errc maps to the number.
std::string_view errno_name(std::int64_t number);

} // namespace drupe::syscall
