// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/checksum.h>
#include <drupe/zfs/label.h>
#include <drupe/zfs/nvlist.h>

namespace drupe::zfs {

namespace {

Result<void> pack_vdev(NvWriter& nv, const PoolConfig& c) {
    // A constant path: a reader finds the device by what lies on it, and the image must not depend
    // on where it was built.
    TRY(nv.string("type", c.device_type));
    TRY(nv.u64("id", 0));
    TRY(nv.u64("guid", c.vdev_guid));
    TRY(nv.string("path", "/dev/null"));
    TRY(nv.u64("whole_disk", 0));
    TRY(nv.u64("metaslab_array", c.metaslab_array));
    TRY(nv.u64("metaslab_shift", c.metaslab_shift));
    TRY(nv.u64("ashift", c.ashift));
    TRY(nv.u64("asize", c.asize));
    TRY(nv.u64("is_log", 0));
    return nv.u64("create_txg", c.create_txg);
}

Result<void> pack_features(NvWriter& nv, const PoolConfig& c) {
    TRY(nv.begin_list("features_for_read"));
    for (std::string_view f : c.features) TRY(nv.boolean(f));
    return nv.end_list();
}

} // namespace

Result<Buffer> pack_config(const PoolConfig& c, bool for_mos) {
    Buffer out;
    NvWriter nv{out};
    TRY(nv.begin());
    TRY(nv.u64("version", c.version));
    TRY(nv.string("name", c.name));
    TRY(nv.u64("state", c.state));
    TRY(nv.u64("txg", c.txg));
    TRY(nv.u64("pool_guid", c.pool_guid));
    if (!for_mos) {
        TRY(nv.u64("top_guid", c.vdev_guid));
        TRY(nv.u64("guid", c.vdev_guid));
    }
    TRY(nv.u64("vdev_children", 1));
    TRY(nv.begin_list("vdev_tree"));
    if (for_mos) {
        TRY(nv.string("type", "root"));
        TRY(nv.u64("id", 0));
        TRY(nv.u64("guid", c.pool_guid));
        TRY(nv.u64("create_txg", c.create_txg));
        TRY(nv.begin_list("children", NvType::nvlist_array));
        TRY(pack_vdev(nv, c));
        TRY(nv.end_list());
    } else {
        TRY(pack_vdev(nv, c));
    }
    TRY(nv.end_list());
    TRY(pack_features(nv, c));
    TRY(nv.end());
    return out;
}

Result<void> build_label(MutableBytes label, std::uint64_t label_offset, Bytes config,
                         const Uberblock& uberblock, unsigned ashift) {
    auto sealed = [&](std::size_t offset, std::size_t size) {
        seal(label.subspan(offset, size), offset_verifier(label_offset + offset));
    };
    sealed(label_boot_env_offset, label_boot_env_size);
    if (config.size() > label_nvlist_size - sizeof(EmbeddedCksum)) return Errc::too_big;
    std::memcpy(&label[label_nvlist_offset], config.data(), config.size());
    sealed(label_nvlist_offset, label_nvlist_size);
    std::size_t slot_size = std::size_t{1} << uberblock_shift(ashift);
    std::size_t slot = uberblock.txg % (label_uberblocks_size / slot_size);
    std::size_t at = label_uberblocks_offset + slot * slot_size;
    store(&label[at], uberblock);
    sealed(at, slot_size);
    return {};
}

} // namespace drupe::zfs
