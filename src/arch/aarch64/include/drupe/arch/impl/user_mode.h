// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace drupe::arch {
namespace detail {
inline IsolationMode isolation_mode = IsolationMode::el1t;
}
inline IsolationMode isolation() { return detail::isolation_mode; }
inline void set_isolation(IsolationMode mode) { detail::isolation_mode = mode; }
} // namespace drupe::arch
