// SPDX-License-Identifier: BSD-2-Clause
// Space maps: the log of allocations and frees of one metaslab. Offsets and lengths here are bytes;
// in the entries they are units of 1 << shift.
#pragma once

#include <drupe/zfs/array.h>
#include <drupe/zfs/ondisk.h>

namespace drupe::zfs {

struct SpaceMapEntry {
    enum class Type : std::uint8_t { alloc = 0, free = 1 };
    std::uint64_t offset = 0; // from the metaslab's start, or the vdev's in a log space map
    std::uint64_t length = 0;
    Type type = Type::alloc;
    std::uint32_t vdev = no_vdev; // known in two-word entries only
    static constexpr std::uint32_t no_vdev = 0xffffff;
};

/// Appends the one-word entries (the form every version reads) for one range.
Result<void> encode_space_map(Buffer& out, const SpaceMapEntry& entry, unsigned shift);

/// Takes entries of both forms off the front of `rest`, skipping debug entries. False at the end.
/// Errc::corrupt for an entry cut in two.
Result<bool> decode_space_map(Bytes& rest, SpaceMapEntry& entry, unsigned shift);

} // namespace drupe::zfs
