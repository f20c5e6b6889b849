// SPDX-License-Identifier: BSD-2-Clause
// What a user has in use over all processes, where a limit counts that. No lock; any context.
#pragma once

#include <cstdint>

namespace drupe::process {

enum class PerUser : std::uint8_t {
    files_under_way,
    pending_signals, // queued ones, and timers, which have one each
    locked_memory,   // bytes of segments (SHM_LOCK)
    count
};

std::uint64_t used_by(std::uint32_t uid, PerUser what);
/// False, and nothing is counted: more than `limit` would be in use, or there is no memory.
bool use_more(std::uint32_t uid, PerUser what, std::uint64_t amount, std::uint64_t limit);
/// What use_more() counted is given back.
void use_less(std::uint32_t uid, PerUser what, std::uint64_t amount);

} // namespace drupe::process
