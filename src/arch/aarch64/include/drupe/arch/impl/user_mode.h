// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <drupe/base/sections.h>

namespace drupe::arch {
namespace detail {
DRUPE_RO_AFTER_INIT inline constinit IsolationMode isolation_mode = IsolationMode::el1t;
}
inline IsolationMode isolation() { return detail::isolation_mode; }
inline void set_isolation(IsolationMode mode) { detail::isolation_mode = mode; }
} // namespace drupe::arch
