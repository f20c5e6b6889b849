// SPDX-License-Identifier: BSD-2-Clause
// The four labels of a device: what the pool is called, how its device is laid out, and the ring of
// uberblocks from which everything else is reached.
#pragma once

#include <drupe/zfs/array.h>
#include <drupe/zfs/ondisk.h>

namespace drupe::zfs {

/// A pool of one plain device, as its labels and its MOS describe it.
struct PoolConfig {
    std::string_view name;
    // "file" or "disk": OpenZFS opens a file of the host through the one and a block device through
    // the other, and takes no other for it.
    std::string_view device_type = "file";
    std::uint64_t version = spa_version_features;
    std::uint64_t state = 1; // 0 active, 1 exported
    std::uint64_t txg = 0;
    std::uint64_t pool_guid = 0, vdev_guid = 0;
    std::uint64_t metaslab_array = 0, metaslab_shift = 0, ashift = 0, asize = 0, create_txg = 0;
    std::span<const std::string_view> features; // to be read for the pool to be read
};

/// Packs the label's list, or (`for_mos`) the configuration object's, which wraps the device in a
/// root. Neither holds a path or a host's name of the machine that built the image.
Result<Buffer> pack_config(const PoolConfig& config, bool for_mos);

/// Fills `label` (256 KiB, zeroed) for the label at `label_offset` on the device: list, boot
/// environment, one uberblock in the slot of its txg; each part sealed. Errc::too_big when the list
/// does not fit.
Result<void> build_label(MutableBytes label, std::uint64_t label_offset, Bytes config,
                         const Uberblock& uberblock, unsigned ashift);

/// Device size at which its metaslabs end: everything but labels, boot region and the rest of a
/// label-sized unit.
constexpr std::uint64_t allocatable_size(std::uint64_t device_size) {
    std::uint64_t usable = device_size & ~std::uint64_t{label_size - 1};
    return usable < label_start_size + label_end_size ? 0
                                                      : usable - label_start_size - label_end_size;
}

} // namespace drupe::zfs
