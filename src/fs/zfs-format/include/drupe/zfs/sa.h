// SPDX-License-Identifier: BSD-2-Clause
// System attributes: what ZFS keeps of a file beside its content. A file's attributes lie in its
// dnode's bonus buffer in the order of a numbered layout; what does not fit goes to a spill block
// with a layout of its own. The two tables that explain the numbers are objects of the dataset.
#pragma once

#include <drupe/zfs/ondisk.h>
#include <drupe/zfs/zap.h>

namespace drupe::zfs {

enum class ZplAttr : std::uint8_t { // the numbers OpenZFS registers; others are found by name
    atime,
    mtime,
    ctime,
    crtime,
    gen,
    mode,
    size,
    parent,
    links,
    xattr,
    rdev,
    flags,
    uid,
    gid,
    pad,
    znode_acl,
    dacl_count,
    symlink,
    scanstamp,
    dacl_aces,
    dxattr,
    projid,
    count_
};
inline constexpr std::size_t zpl_attr_count = static_cast<std::size_t>(ZplAttr::count_);
const char* name_of(ZplAttr attr);
/// Length in bytes, 0 for a variable one.
std::size_t registered_length(ZplAttr attr);
/// The value of the attribute's entry in REGISTRY: length, byte-swap class, number.
std::uint64_t registry_value(ZplAttr attr);

inline constexpr std::uint32_t sa_magic = 0x2f505a;
inline constexpr std::size_t bonus_size = 320;       // DN_OLD_MAX_BONUSLEN
inline constexpr std::size_t bonus_size_spill = 192; // beside a spill block pointer

struct ZplTime {
    std::uint64_t seconds = 0, nanoseconds = 0;
};

/// A file's attributes, as read or to be written. Views belong to the caller's buffers.
struct ZplAttrs {
    std::uint64_t mode = 0, size = 0, gen = 0, uid = 0, gid = 0, parent = 0, flags = 0, links = 0;
    std::uint64_t rdev = 0, xattr = 0; // xattr: object of an extended-attribute directory
    ZplTime atime, mtime, ctime, crtime;
    Bytes symlink;
    Bytes dxattr;              // packed name-value list
    std::uint32_t present = 0; // a bit for each ZplAttr; the writer derives it

    bool has(ZplAttr a) const { return (present >> static_cast<unsigned>(a) & 1) != 0; }
};

// The layouts our writer uses, by number. OpenZFS adds to them when it writes.
enum class SaLayout : std::uint16_t {
    plain = 2,    // regular files and directories
    device,       // with rdev
    symlink,      // target in the bonus buffer
    plain_dxattr, // attributes in the bonus buffer too
    device_dxattr,
    symlink_dxattr,
    spill_symlink, // layouts of spill blocks
    spill_dxattr,
    spill_symlink_dxattr,
    end_
};
/// The attributes of one of our layouts, in order.
std::span<const ZplAttr> attributes_of(SaLayout layout);

/// The tables of a dataset this writer fills: LAYOUTS and REGISTRY.
Result<ZapImage> build_sa_layouts(std::uint64_t salt);
Result<ZapImage> build_sa_registry(std::uint64_t salt);

/// What encode_attributes() wrote.
struct EncodedAttributes {
    std::size_t bonus_length = 0;
    std::size_t spill_length = 0; // 0: no spill block is needed
};
/// Writes the bonus buffer (320 bytes at `bonus`) and, where needed, the spill block's content at
/// the beginning of `spill`. Errc::too_big when `spill` is too small.
Result<EncodedAttributes> encode_attributes(const ZplAttrs& attrs, MutableBytes bonus,
                                            Buffer& spill);

/// The attribute tables of one dataset, as its SA master node describes them.
class SaTables {
public:
    /// Reads REGISTRY and LAYOUTS.
    static Result<SaTables> read(ZapReader& registry, ZapReader& layouts);
    /// The tables every OpenZFS begins with when a dataset has none yet.
    Result<void> decode(Bytes area, ZplAttrs& out) const;

private:
    struct Attribute { // by number
        ZplAttr known; // count_ for one that we do not know
        std::uint16_t length;
    };
    Result<void> add_registration(const ZapEntry& e);
    Result<void> add_layout(const ZapEntry& e);
    Array<Attribute> attributes_;
    struct Layout {
        std::uint32_t number, first, count;
    };
    Array<Layout> layouts_;
    Array<std::uint16_t> order_;
};

} // namespace drupe::zfs
