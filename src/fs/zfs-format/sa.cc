// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/sa.h>

#include <iterator>

namespace drupe::zfs {

namespace {

enum Swap : std::uint8_t { swap_u64 = 0, swap_u8 = 3, swap_acl = 4 }; // sa_bswap_type_t

struct Registration {
    const char* name;
    std::uint16_t length;
    Swap swap;
};
constexpr Registration registrations[] = {
    {"ZPL_ATIME", 16, swap_u64},    {"ZPL_MTIME", 16, swap_u64},     {"ZPL_CTIME", 16, swap_u64},
    {"ZPL_CRTIME", 16, swap_u64},   {"ZPL_GEN", 8, swap_u64},        {"ZPL_MODE", 8, swap_u64},
    {"ZPL_SIZE", 8, swap_u64},      {"ZPL_PARENT", 8, swap_u64},     {"ZPL_LINKS", 8, swap_u64},
    {"ZPL_XATTR", 8, swap_u64},     {"ZPL_RDEV", 8, swap_u64},       {"ZPL_FLAGS", 8, swap_u64},
    {"ZPL_UID", 8, swap_u64},       {"ZPL_GID", 8, swap_u64},        {"ZPL_PAD", 32, swap_u64},
    {"ZPL_ZNODE_ACL", 88, swap_u8}, {"ZPL_DACL_COUNT", 8, swap_u64}, {"ZPL_SYMLINK", 0, swap_u8},
    {"ZPL_SCANSTAMP", 32, swap_u8}, {"ZPL_DACL_ACES", 0, swap_acl},  {"ZPL_DXATTR", 0, swap_u8},
    {"ZPL_PROJID", 8, swap_u64},
};
static_assert(std::size(registrations) == zpl_attr_count);

using enum ZplAttr;
// Boot loaders hard-code the offsets that this order gives.
#define DRUPE_SA_BASE mode, size, gen, uid, gid, parent, flags, atime, mtime, ctime, crtime, links
constexpr ZplAttr order_plain[] = {DRUPE_SA_BASE, dacl_count, dacl_aces};
constexpr ZplAttr order_device[] = {DRUPE_SA_BASE, rdev, dacl_count, dacl_aces};
constexpr ZplAttr order_symlink[] = {DRUPE_SA_BASE, dacl_count, dacl_aces, ZplAttr::symlink};
constexpr ZplAttr order_plain_dxattr[] = {DRUPE_SA_BASE, dacl_count, dacl_aces, dxattr};
constexpr ZplAttr order_device_dxattr[] = {DRUPE_SA_BASE, rdev, dacl_count, dacl_aces, dxattr};
constexpr ZplAttr order_symlink_dxattr[] = {DRUPE_SA_BASE, dacl_count, dacl_aces, ZplAttr::symlink,
                                            dxattr};
constexpr ZplAttr order_spill_symlink[] = {ZplAttr::symlink};
constexpr ZplAttr order_spill_dxattr[] = {dxattr};
constexpr ZplAttr order_spill_both[] = {ZplAttr::symlink, dxattr};
#undef DRUPE_SA_BASE

// The trivial access control list every file has, in the shape OpenZFS gives it (zfs_ace_hdr_t:
// type, flags, access mask): one allowing entry for each class of the mode bits. Entries are
// matched in order and everyone@ includes the owner, so a class that may do less than a later one
// needs a denying entry before them.
constexpr std::size_t ace_size = 8, max_aces = 5;
constexpr std::uint16_t ace_allow = 0, ace_deny = 1;
constexpr std::uint16_t ace_owner = 0x1000, ace_group = 0x2040, ace_everyone = 0x4000;

std::uint32_t ace_rwx(unsigned rwx) {
    return ((rwx & 4) != 0 ? 0x1u : 0) | ((rwx & 2) != 0 ? 0x6u : 0) | ((rwx & 1) != 0 ? 0x20u : 0);
}

struct AceList {
    std::byte bytes[max_aces * ace_size];
    std::size_t count = 0;

    void add(std::uint16_t type, std::uint16_t who, std::uint32_t mask) {
        std::byte* p = bytes + count++ * ace_size;
        store_le(p, type);
        store_le(p + 2, who);
        store_le(p + 4, mask);
    }
    explicit AceList(std::uint64_t mode) {
        // Everyone may read attributes and the list, and synchronise; the owner may change them.
        constexpr std::uint32_t all = 0x80 | 0x8 | 0x20000 | 0x100000;
        constexpr std::uint32_t own = all | 0x100 | 0x10 | 0x40000 | 0x80000;
        unsigned owner = mode >> 6 & 7, group = mode >> 3 & 7, other = mode & 7;
        if (((group | other) & ~owner) != 0)
            add(ace_deny, ace_owner, ace_rwx((group | other) & ~owner));
        if ((other & ~group) != 0) add(ace_deny, ace_group, ace_rwx(other & ~group));
        add(ace_allow, ace_owner, own | ace_rwx(owner));
        add(ace_allow, ace_group, all | ace_rwx(group));
        add(ace_allow, ace_everyone, all | ace_rwx(other));
    }
    std::size_t size() const { return count * ace_size; }
};

std::size_t length_of(ZplAttr a, const ZplAttrs& attrs) {
    switch (a) {
    case ZplAttr::symlink: return attrs.symlink.size();
    case ZplAttr::dxattr: return attrs.dxattr.size();
    case ZplAttr::dacl_aces: return AceList{attrs.mode}.size();
    default: return registered_length(a);
    }
}

void write_time(const ZplTime& t, std::byte* p) {
    store_le(p, t.seconds);
    store_le(p + 8, t.nanoseconds);
}

void write_attribute(ZplAttr a, const ZplAttrs& v, std::byte* p) {
    switch (a) {
    case atime: return write_time(v.atime, p);
    case mtime: return write_time(v.mtime, p);
    case ctime: return write_time(v.ctime, p);
    case crtime: return write_time(v.crtime, p);
    case gen: return store_le(p, v.gen);
    case mode: return store_le(p, v.mode);
    case size: return store_le(p, v.size);
    case parent: return store_le(p, v.parent);
    case links: return store_le(p, v.links);
    case rdev: return store_le(p, v.rdev);
    case flags: return store_le(p, v.flags);
    case uid: return store_le(p, v.uid);
    case gid: return store_le(p, v.gid);
    case dacl_count: return store_le(p, std::uint64_t{AceList{v.mode}.count});
    case dacl_aces: {
        AceList list{v.mode};
        std::memcpy(p, list.bytes, list.size());
        return;
    }
    case ZplAttr::symlink: std::memcpy(p, v.symlink.data(), v.symlink.size()); return;
    case ZplAttr::dxattr: std::memcpy(p, v.dxattr.data(), v.dxattr.size()); return;
    default: DRUPE_ASSERT(!"an attribute no layout of ours has");
    }
}

// Header: magic, layout number and header size, lengths of the variable attributes.
std::size_t header_size(std::span<const ZplAttr> order) {
    std::size_t variable = 0;
    for (ZplAttr a : order) variable += registered_length(a) == 0;
    return round_up(6 + 2 * (variable == 0 ? 1 : variable), 8);
}

std::size_t area_size(SaLayout layout, const ZplAttrs& attrs) {
    auto order = attributes_of(layout);
    std::size_t n = header_size(order);
    for (ZplAttr a : order) n = round_up(n, 8) + length_of(a, attrs);
    return n;
}

void write_area(SaLayout layout, const ZplAttrs& attrs, std::byte* p) {
    auto order = attributes_of(layout);
    std::size_t at = header_size(order), variable = 0;
    store_le(p, sa_magic);
    store_le(p + 4, static_cast<std::uint16_t>(at >> 3 << 10 | static_cast<unsigned>(layout)));
    for (ZplAttr a : order) {
        at = round_up(at, 8);
        if (registered_length(a) == 0)
            store_le(p + 6 + 2 * variable++, static_cast<std::uint16_t>(length_of(a, attrs)));
        write_attribute(a, attrs, p + at);
        at += length_of(a, attrs);
    }
}

constexpr std::uint64_t type_mask = 0170000, type_char = 0020000, type_block = 0060000;

} // namespace

const char* name_of(ZplAttr attr) { return registrations[static_cast<unsigned>(attr)].name; }
std::size_t registered_length(ZplAttr attr) {
    return registrations[static_cast<unsigned>(attr)].length;
}
std::uint64_t registry_value(ZplAttr attr) {
    const Registration& r = registrations[static_cast<unsigned>(attr)];
    return std::uint64_t{r.length} << 24 | std::uint64_t{r.swap} << 16 |
           static_cast<std::uint64_t>(attr);
}

std::span<const ZplAttr> attributes_of(SaLayout layout) {
    switch (layout) {
    case SaLayout::plain: return order_plain;
    case SaLayout::device: return order_device;
    case SaLayout::symlink: return order_symlink;
    case SaLayout::plain_dxattr: return order_plain_dxattr;
    case SaLayout::device_dxattr: return order_device_dxattr;
    case SaLayout::symlink_dxattr: return order_symlink_dxattr;
    case SaLayout::spill_symlink: return order_spill_symlink;
    case SaLayout::spill_dxattr: return order_spill_dxattr;
    case SaLayout::spill_symlink_dxattr: return order_spill_both;
    case SaLayout::end_: break;
    }
    return {};
}

Result<ZapImage> build_sa_layouts(std::uint64_t salt) {
    constexpr unsigned first = static_cast<unsigned>(SaLayout::plain);
    constexpr unsigned count = static_cast<unsigned>(SaLayout::end_) - first;
    constexpr std::size_t max_layout_attributes = 16;
    static_assert(first + count <= 11, "layout names are one or two digits");
    char names[count][2];
    std::uint16_t orders[count][max_layout_attributes];
    auto items = TRY(Array<ZapItem>::zeroed(count));
    for (unsigned i = 0; i < count; ++i) {
        unsigned number = first + i;
        std::size_t digits = 0;
        if (number >= 10) names[i][digits++] = static_cast<char>('0' + number / 10);
        names[i][digits++] = static_cast<char>('0' + number % 10);
        auto order = attributes_of(static_cast<SaLayout>(number));
        for (std::size_t k = 0; k < order.size(); ++k)
            orders[i][k] = static_cast<std::uint16_t>(order[k]);
        items[i] = {{names[i], digits}, 0, 2, std::as_bytes(std::span{orders[i], order.size()})};
    }
    return build_zap(items.span(), salt);
}

Result<ZapImage> build_sa_registry(std::uint64_t salt) {
    auto items = TRY(Array<ZapItem>::zeroed(zpl_attr_count));
    for (std::size_t i = 0; i < zpl_attr_count; ++i) {
        auto attr = static_cast<ZplAttr>(i);
        items[i] = {name_of(attr), registry_value(attr), 8, {}};
    }
    return build_zap(items.span(), salt);
}

Result<EncodedAttributes> encode_attributes(const ZplAttrs& attrs, MutableBytes bonus,
                                            Buffer& spill) {
    DRUPE_ASSERT(bonus.size() >= bonus_size);
    std::uint64_t kind = attrs.mode & type_mask;
    bool device = kind == type_char || kind == type_block, link = !attrs.symlink.empty();
    bool xattr = !attrs.dxattr.empty();
    auto bare = device ? SaLayout::device : SaLayout::plain;
    auto with_link = link ? SaLayout::symlink : bare;
    auto full = !xattr   ? with_link
                : link   ? SaLayout::symlink_dxattr
                : device ? SaLayout::device_dxattr
                         : SaLayout::plain_dxattr;
    EncodedAttributes done;
    auto write_both = [&](SaLayout main, SaLayout rest) -> Result<EncodedAttributes> {
        done.bonus_length = area_size(main, attrs);
        done.spill_length = area_size(rest, attrs);
        if (done.spill_length > old_max_block_size) return Errc::too_big;
        TRY(spill.resize(done.spill_length));
        write_area(main, attrs, bonus.data());
        write_area(rest, attrs, spill.data());
        return done;
    };
    if (area_size(full, attrs) <= bonus_size) {
        done.bonus_length = area_size(full, attrs);
        write_area(full, attrs, bonus.data());
        return done;
    }
    // A symlink's target stays in the bonus buffer if it can: boot loaders look for it there.
    if (link && xattr && area_size(with_link, attrs) <= bonus_size_spill)
        return write_both(with_link, SaLayout::spill_dxattr);
    if (link)
        return write_both(bare, xattr ? SaLayout::spill_symlink_dxattr : SaLayout::spill_symlink);
    return write_both(bare, SaLayout::spill_dxattr);
}

Result<void> SaTables::add_registration(const ZapEntry& e) {
    if (e.integer_size != 8) return Errc::corrupt;
    std::size_t number = e.value & 0xffff;
    if (number > 1024) return Errc::corrupt;
    if (number >= attributes_.size()) {
        std::size_t old = attributes_.size();
        TRY(attributes_.resize(number + 1));
        for (std::size_t i = old; i < number; ++i) attributes_[i] = {ZplAttr::count_, 0};
    }
    Attribute a{ZplAttr::count_, static_cast<std::uint16_t>(e.value >> 24)};
    for (std::size_t i = 0; i < zpl_attr_count; ++i)
        if (e.name == registrations[i].name) a.known = static_cast<ZplAttr>(i);
    attributes_[number] = a;
    return {};
}

Result<void> SaTables::add_layout(const ZapEntry& e) {
    if (e.integer_size != 2 || e.values.size() != e.integers * 2) return Errc::corrupt;
    std::uint32_t number = 0;
    for (char c : e.name) {
        if (c < '0' || c > '9' || number > 1023) return Errc::corrupt;
        number = number * 10 + static_cast<std::uint32_t>(c - '0');
    }
    Layout l{number, static_cast<std::uint32_t>(order_.size()),
             static_cast<std::uint32_t>(e.integers)};
    for (std::size_t i = 0; i < e.integers; ++i) TRY(order_.push(load_be16(&e.values[2 * i])));
    return layouts_.push(l);
}

Result<SaTables> SaTables::read(ZapReader& registry, ZapReader& layouts) {
    SaTables t;
    ZapEntry e;
    for (std::uint64_t at = 0; TRY(registry.next(at, e));) TRY(t.add_registration(e));
    for (std::uint64_t at = 0; TRY(layouts.next(at, e));) TRY(t.add_layout(e));
    return t;
}

namespace {

void read_attribute(ZplAttr a, Bytes v, ZplAttrs& out) {
    auto u64 = [&](std::uint64_t& field) { field = load_le<std::uint64_t>(v.data()); };
    auto time = [&](ZplTime& t) {
        t = {load_le<std::uint64_t>(v.data()), load_le<std::uint64_t>(v.data() + 8)};
    };
    switch (a) {
    case atime: time(out.atime); break;
    case mtime: time(out.mtime); break;
    case ctime: time(out.ctime); break;
    case crtime: time(out.crtime); break;
    case gen: u64(out.gen); break;
    case mode: u64(out.mode); break;
    case size: u64(out.size); break;
    case parent: u64(out.parent); break;
    case links: u64(out.links); break;
    case xattr: u64(out.xattr); break;
    case rdev: u64(out.rdev); break;
    case flags: u64(out.flags); break;
    case uid: u64(out.uid); break;
    case gid: u64(out.gid); break;
    case ZplAttr::symlink: out.symlink = v; break;
    case ZplAttr::dxattr: out.dxattr = v; break;
    default: break;
    }
    out.present |= 1u << static_cast<unsigned>(a);
}

} // namespace

Result<void> SaTables::decode(Bytes area, ZplAttrs& out) const {
    if (area.size() < 8 || load_le<std::uint32_t>(area.data()) != sa_magic) return Errc::corrupt;
    std::uint16_t info = load_le<std::uint16_t>(&area[4]);
    std::size_t at = (info >> 10) << 3, header = at, variable = 0;
    if (header < 8 || header > area.size()) return Errc::corrupt;
    const Layout* layout = nullptr;
    for (const Layout& l : layouts_)
        if (l.number == (info & 0x3ff)) layout = &l;
    if (layout == nullptr) return Errc::corrupt;
    for (std::uint32_t i = 0; i < layout->count; ++i) {
        std::uint16_t number = order_[layout->first + i];
        if (number >= attributes_.size()) return Errc::corrupt;
        Attribute a = attributes_[number];
        std::size_t length = a.length;
        if (length == 0) {
            if (6 + 2 * variable + 2 > header) return Errc::corrupt;
            length = load_le<std::uint16_t>(&area[6 + 2 * variable++]);
        }
        at = round_up(at, 8);
        if (at > area.size() || length > area.size() - at) return Errc::corrupt;
        if (a.known != ZplAttr::count_) {
            std::size_t expected = registered_length(a.known);
            if (expected != 0 && length < expected) return Errc::corrupt;
            read_attribute(a.known, area.subspan(at, length), out);
        }
        at += length;
    }
    return {};
}

} // namespace drupe::zfs
