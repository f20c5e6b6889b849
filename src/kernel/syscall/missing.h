// SPDX-License-Identifier: BSD-2-Clause
// What a call gets that nobody answers.
#pragma once

#include <cstdint>

namespace drupe::syscall {

/// -ENOSYS. The first time for each number (except those marked absent in the table) the call is
/// reported by name, with the place it came from.
[[gnu::cold]] std::int64_t answer_missing(std::uint64_t number);

} // namespace drupe::syscall
