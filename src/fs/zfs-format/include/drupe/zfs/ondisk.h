// SPDX-License-Identifier: BSD-2-Clause
// The structures on a ZFS disk under their OpenZFS names, little-endian as OpenZFS writes them on
// the machines we know. A pool of the other byte order is refused by the reader, by name.
// Layouts follow OpenZFS 2.1 (spa.h, dnode.h, dmu_objset.h, uberblock_impl.h, vdev_impl.h).
#pragma once

#include <drupe/zfs/bytes.h>

namespace drupe::zfs {

inline constexpr std::uint64_t spa_version_features = 5000;
inline constexpr std::size_t sector_shift = 9; // SPA_MINBLOCKSHIFT
inline constexpr std::size_t sector_size = 512;
inline constexpr std::size_t old_max_block_size = 128 * 1024;   // without feature large_blocks
inline constexpr std::size_t max_block_size = 16 * 1024 * 1024; // SPA_MAXBLOCKSIZE
inline constexpr std::size_t min_metaslab_shift = 24;

inline constexpr std::size_t label_size = 256 * 1024;
inline constexpr std::size_t label_count = 4;
inline constexpr std::size_t label_start_size = 4 * 1024 * 1024; // two labels and the boot region
inline constexpr std::size_t label_end_size = 2 * label_size;
inline constexpr std::size_t label_boot_env_offset = 8 * 1024;
inline constexpr std::size_t label_boot_env_size = 8 * 1024;
inline constexpr std::size_t label_nvlist_offset = 16 * 1024;
inline constexpr std::size_t label_nvlist_size = 112 * 1024;
inline constexpr std::size_t label_uberblocks_offset = 128 * 1024;
inline constexpr std::size_t label_uberblocks_size = 128 * 1024;

/// Byte offset of label `index` (0–3) on a device of `device_size` bytes.
constexpr std::uint64_t label_offset(unsigned index, std::uint64_t device_size) {
    std::uint64_t usable = device_size & ~std::uint64_t{label_size - 1};
    return index < 2 ? index * label_size : usable - (label_count - index) * label_size;
}

enum class ObjectType : std::uint8_t { // dmu_object_type_t
    none = 0,
    object_directory = 1,
    object_array = 2,
    packed_nvlist = 3,
    packed_nvlist_size = 4,
    bpobj = 5,
    bpobj_hdr = 6,
    space_map_header = 7,
    space_map = 8,
    intent_log = 9,
    dnode = 10,
    objset = 11,
    dsl_dir = 12,
    dsl_dir_child_map = 13,
    dsl_ds_snap_map = 14,
    dsl_props = 15,
    dsl_dataset = 16,
    znode = 17,
    oldacl = 18,
    plain_file_contents = 19,
    directory_contents = 20,
    master_node = 21,
    unlinked_set = 22,
    zvol = 23,
    zvol_prop = 24,
    plain_other = 25,
    uint64_other = 26,
    zap_other = 27,
    error_log = 28,
    spa_history = 29,
    spa_history_offsets = 30,
    pool_props = 31,
    dsl_perms = 32,
    acl = 33,
    sysacl = 34,
    fuid = 35,
    fuid_size = 36,
    next_clones = 37,
    scan_queue = 38,
    usergroup_used = 39,
    usergroup_quota = 40,
    userrefs = 41,
    ddt_zap = 42,
    ddt_stats = 43,
    sa = 44,
    sa_master_node = 45,
    sa_attr_registration = 46,
    sa_attr_layouts = 47,
    scan_xlate = 48,
    dedup = 49,
    deadlist = 50,
    deadlist_hdr = 51,
    dsl_clones = 52,
    bpobj_subobj = 53,
    count_ = 54,
    otn_zap_metadata = 0xc4, // DMU_OTN_ZAP_METADATA
};

enum class Compress : std::uint8_t { // zio_compress
    inherit = 0,
    on = 1,
    off = 2,
    lzjb = 3,
    empty = 4,
    gzip_1 = 5, // gzip_1 … gzip_9 are consecutive
    gzip_9 = 13,
    zle = 14,
    lz4 = 15,
    zstd = 16,
    count_
};

enum class Checksum : std::uint8_t { // zio_checksum
    inherit = 0,
    on = 1,
    off = 2,
    label = 3,
    gang_header = 4,
    zilog = 5,
    fletcher_2 = 6,
    fletcher_4 = 7,
    sha256 = 8,
    zilog2 = 9,
    noparity = 10,
    sha512 = 11,
    skein = 12,
    edonr = 13,
    count_
};

struct CksumValue { // zio_cksum_t
    std::uint64_t word[4];
    friend bool operator==(const CksumValue&, const CksumValue&) = default;
};

struct Dva {
    std::uint64_t word[2];

    std::uint64_t asize() const { return (word[0] & 0xffffff) << sector_shift; }
    std::uint32_t vdev() const { return static_cast<std::uint32_t>(word[0] >> 32 & 0xffffff); }
    /// Bytes from the end of the first two labels and the boot region.
    std::uint64_t offset() const { return (word[1] & ~(1ull << 63)) << sector_shift; }
    bool is_gang() const { return (word[1] >> 63) != 0; }
    bool is_valid() const { return asize() != 0; }

    static Dva make(std::uint64_t offset, std::uint64_t asize) {
        return {{asize >> sector_shift, offset >> sector_shift}};
    }
};

struct Blkptr { // blkptr_t
    Dva dva[3];
    std::uint64_t prop;
    std::uint64_t pad[2];
    std::uint64_t phys_birth;
    std::uint64_t birth;
    std::uint64_t fill;
    CksumValue cksum;

    bool is_embedded() const { return (prop >> 39 & 1) != 0; }
    bool is_hole() const { return !is_embedded() && dva[0].word[0] == 0 && dva[0].word[1] == 0; }
    bool is_gang() const { return !is_embedded() && dva[0].is_gang(); }
    bool is_dedup() const { return (prop >> 62 & 1) != 0; }
    bool is_protected() const { return (prop >> 61 & 1) != 0; } // encrypted or authenticated
    bool is_little_endian() const { return (prop >> 63) != 0; }
    unsigned level() const { return prop >> 56 & 0x1f; }
    ObjectType type() const { return static_cast<ObjectType>(prop >> 48 & 0xff); }
    Checksum checksum() const { return static_cast<Checksum>(prop >> 40 & 0xff); }
    Compress compress() const { return static_cast<Compress>(prop >> 32 & 0x7f); }
    std::size_t lsize() const {
        if (is_embedded()) return (prop & 0x1ffffff) + 1;
        return ((prop & 0xffff) + 1) << sector_shift;
    }
    std::size_t psize() const {
        if (is_embedded()) return (prop >> 25 & 0x7f) + 1;
        return ((prop >> 16 & 0xffff) + 1) << sector_shift;
    }
    unsigned embedded_type() const { return prop >> 40 & 0xff; }
    std::uint64_t physical_birth() const {
        return is_embedded() ? 0 : phys_birth != 0 ? phys_birth : birth;
    }
    std::uint64_t fill_count() const { return is_embedded() ? 1 : fill; }
    std::uint64_t asize() const {
        return is_embedded() ? 0 : dva[0].asize() + dva[1].asize() + dva[2].asize();
    }
};
static_assert(sizeof(Blkptr) == 128);
inline constexpr std::size_t blkptr_shift = 7;
inline constexpr std::size_t embedded_payload_size = 112;

/// What a written block says of itself; the address and checksum come separately.
struct BlockKind {
    ObjectType type;
    unsigned level;
    std::size_t lsize;
    std::size_t psize;
    Compress compress;
    Checksum checksum;
};
constexpr std::uint64_t blkptr_prop(const BlockKind& k) {
    return 1ull << 63 | std::uint64_t{k.level} << 56 | static_cast<std::uint64_t>(k.type) << 48 |
           static_cast<std::uint64_t>(k.checksum) << 40 |
           static_cast<std::uint64_t>(k.compress) << 32 | ((k.psize >> sector_shift) - 1) << 16 |
           ((k.lsize >> sector_shift) - 1);
}
/// Copies the psize() bytes an embedded block pointer carries. `out` holds at least 112 bytes.
void embedded_payload(const Blkptr& bp, MutableBytes out);
/// The pointer that carries a compressed block of level 0 itself: 1 to 112 bytes of `payload`.
Blkptr embedded_blkptr(ObjectType type, std::size_t lsize, Compress compress, Bytes payload,
                       std::uint64_t birth);
/// Whether OpenZFS keeps blocks of this type in their pointers: those that count what is below them
/// need the pointer's own fields.
constexpr bool may_be_embedded(ObjectType type, unsigned level) {
    return level == 0 && type != ObjectType::dnode && type != ObjectType::objset;
}

inline constexpr std::size_t dnode_size = 512;
inline constexpr std::size_t dnode_shift = 9;
inline constexpr std::size_t dnode_block_shift = 14;
inline constexpr std::size_t dnode_block_size = 16384;
inline constexpr std::size_t dnodes_per_block = dnode_block_size / dnode_size;
inline constexpr std::size_t dnode_core_size = 64;
inline constexpr std::size_t dnode_max_size = 16384;
inline constexpr std::uint8_t dnode_flag_used_bytes = 1;
inline constexpr std::uint8_t dnode_flag_spill_blkptr = 4;

struct DnodePhys { // dnode_phys_t of the ordinary size
    ObjectType type;
    std::uint8_t indblkshift;
    std::uint8_t nlevels;
    std::uint8_t nblkptr;
    ObjectType bonustype;
    Checksum checksum;
    Compress compress;
    std::uint8_t flags;
    std::uint16_t datablkszsec;
    std::uint16_t bonuslen;
    std::uint8_t extra_slots;
    std::uint8_t pad2[3];
    std::uint64_t maxblkid;
    std::uint64_t used;
    std::uint64_t pad3[4];
    Blkptr blkptr[3]; // the bonus buffer begins after the nblkptr-th
    std::byte tail[64];

    std::byte* bonus() {
        return reinterpret_cast<std::byte*>(this) + 64 + nblkptr * sizeof(Blkptr);
    }
    const std::byte* bonus() const { return const_cast<DnodePhys*>(this)->bonus(); }
    std::size_t data_block_size() const { return std::size_t{datablkszsec} << sector_shift; }
};
static_assert(sizeof(DnodePhys) == dnode_size);

struct ZilHeader { // zil_header_t
    std::uint64_t claim_txg;
    std::uint64_t replay_seq;
    Blkptr log;
    std::uint64_t claim_blk_seq;
    std::uint64_t flags;
    std::uint64_t claim_lr_seq;
    std::uint64_t pad[3];
};
static_assert(sizeof(ZilHeader) == 192);

enum class ObjsetType : std::uint64_t { none = 0, meta = 1, zfs = 2, zvol = 3 };

inline constexpr std::size_t objset_phys_size_v1 = 1024;
inline constexpr std::size_t objset_phys_size_v2 = 2048;
inline constexpr std::size_t objset_phys_size_v3 = 4096;
struct ObjsetPhys { // objset_phys_t up to the user accounting dnodes
    DnodePhys meta_dnode;
    ZilHeader zil_header;
    ObjsetType type;
    std::uint64_t flags;
    std::byte portable_mac[32];
    std::byte local_mac[32];
    std::byte pad[objset_phys_size_v1 - 512 - 192 - 16 - 64];
};
static_assert(sizeof(ObjsetPhys) == objset_phys_size_v1);

inline constexpr std::uint64_t uberblock_magic = 0x00bab10c;
struct Uberblock {
    std::uint64_t magic;
    std::uint64_t version;
    std::uint64_t txg;
    std::uint64_t guid_sum;
    std::uint64_t timestamp; // seconds, UTC
    Blkptr rootbp;
    std::uint64_t software_version;
    std::uint64_t mmp_magic;
    std::uint64_t mmp_delay;
    std::uint64_t mmp_config;
    std::uint64_t checkpoint_txg;
};
/// log2 of an uberblock slot's size for a device of this ashift.
constexpr unsigned uberblock_shift(unsigned ashift) {
    return ashift < 10 ? 10 : ashift > 13 ? 13 : ashift;
}

inline constexpr std::uint64_t zec_magic = 0x0210da7ab10c7a11;
struct EmbeddedCksum { // zio_eck_t: the last 40 bytes of a self-checked block
    std::uint64_t magic;
    CksumValue cksum;
};
static_assert(sizeof(EmbeddedCksum) == 40);

inline constexpr std::size_t gang_header_size = 512;
inline constexpr std::size_t gang_blkptrs = 3;

struct DslDirPhys {
    std::uint64_t creation_time;
    std::uint64_t head_dataset_obj;
    std::uint64_t parent_obj;
    std::uint64_t origin_obj;
    std::uint64_t child_dir_zapobj;
    std::uint64_t used_bytes;
    std::uint64_t compressed_bytes;
    std::uint64_t uncompressed_bytes;
    std::uint64_t quota;
    std::uint64_t reserved;
    std::uint64_t props_zapobj;
    std::uint64_t deleg_zapobj;
    std::uint64_t flags;             // 1: used_breakdown is kept
    std::uint64_t used_breakdown[5]; // head, snap, child, child_rsrv, refrsrv
    std::uint64_t clones;
    std::uint64_t pad[13];
};
static_assert(sizeof(DslDirPhys) == 256);

inline constexpr std::uint64_t ds_flag_unique_accurate = 1 << 2;
struct DslDatasetPhys {
    std::uint64_t dir_obj;
    std::uint64_t prev_snap_obj;
    std::uint64_t prev_snap_txg;
    std::uint64_t next_snap_obj;
    std::uint64_t snapnames_zapobj;
    std::uint64_t num_children;
    std::uint64_t creation_time;
    std::uint64_t creation_txg;
    std::uint64_t deadlist_obj;
    std::uint64_t referenced_bytes;
    std::uint64_t compressed_bytes;
    std::uint64_t uncompressed_bytes;
    std::uint64_t unique_bytes;
    std::uint64_t fsid_guid;
    std::uint64_t guid;
    std::uint64_t flags;
    Blkptr bp;
    std::uint64_t next_clones_obj;
    std::uint64_t props_obj;
    std::uint64_t userrefs_obj;
    std::uint64_t pad[5];
};
static_assert(sizeof(DslDatasetPhys) == 320);

struct DeadlistPhys {
    std::uint64_t used;
    std::uint64_t comp;
    std::uint64_t uncomp;
    std::uint64_t pad[37];
};
static_assert(sizeof(DeadlistPhys) == 320);

struct BpobjPhys {
    std::uint64_t num_blkptrs;
    std::uint64_t bytes;
    std::uint64_t comp;
    std::uint64_t uncomp;
    std::uint64_t subobjs;
    std::uint64_t num_subobjs;
    std::uint64_t num_freed;
};

struct SpaceMapPhysV0 { // the header all versions share; without feature spacemap_histogram, all
    std::uint64_t object;
    std::uint64_t length; // bytes of entries
    std::int64_t alloc;   // bytes
};

// Directory entries pack the file type of dirent.h above the object number.
constexpr std::uint64_t dirent_value(std::uint64_t object, std::uint32_t mode) {
    return static_cast<std::uint64_t>(mode >> 12 & 0xf) << 60 | object;
}
constexpr std::uint64_t dirent_object(std::uint64_t value) { return value & ((1ull << 48) - 1); }
constexpr unsigned dirent_type(std::uint64_t value) { return static_cast<unsigned>(value >> 60); }

/// True for the types whose objects hold pool structure, as opposed to file data.
constexpr bool is_metadata(ObjectType type) {
    auto raw = static_cast<std::uint8_t>(type);
    if ((raw & 0x80) != 0) return (raw & 0x40) != 0;
    return type != ObjectType::plain_file_contents && type != ObjectType::zvol &&
           type != ObjectType::plain_other && type != ObjectType::uint64_other;
}

} // namespace drupe::zfs
