// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/nvlist.h>
#include <drupe/zfs/pool.h>

#include <algorithm>

namespace drupe::zfs {

namespace {

// Features whose blocks and objects this reader understands. Those that only matter to whoever
// writes are not listed in features_for_read's active entries by OpenZFS.
constexpr std::string_view known_features[] = {
    "org.illumos:lz4_compress",
    "com.delphix:hole_birth",
    "com.delphix:embedded_data",
    "com.delphix:extensible_dataset",
    "org.open-zfs:large_blocks",
    "org.zfsonlinux:large_dnode",
    "org.illumos:sha512",
    "org.freebsd:zstd_compress",
    "com.joyent:multi_vdev_crash_dump",
    "com.delphix:empty_bpobj",
    "com.delphix:bookmarks",
    "com.delphix:head_errlog",
};

bool is_known(std::string_view feature) {
    return std::find(std::begin(known_features), std::end(known_features), feature) !=
           std::end(known_features);
}

} // namespace

Errc Refusal::because(Errc errc, std::string_view text, std::string_view detail) {
    length_ = 0;
    for (std::string_view part : {text, detail})
        for (char c : part)
            if (length_ < sizeof text_) text_[length_++] = c >= ' ' && c < 127 ? c : '?';
    return errc;
}

Result<void> Pool::take_config(const NvList& list, Refusal& why) {
    PoolFacts& f = found_->facts; // taken from the first good label, complete or not at all
    std::string_view name = TRY(list.string("name"));
    if (name.empty() || name.size() >= sizeof f.name) return Errc::corrupt;
    std::memset(f.name, 0, sizeof f.name);
    std::memcpy(f.name, name.data(), name.size());
    f.version = TRY(list.u64("version"));
    f.guid = TRY(list.u64("pool_guid"));
    f.state = TRY(list.u64("state"));
    if (f.version > 28 && f.version != spa_version_features)
        return why.because(Errc::not_supported, "the pool has an unknown version");
    NvList tree = TRY(TRY(list.find("vdev_tree")).as_nvlist());
    std::string_view type = TRY(tree.string("type"));
    if (type != "disk" && type != "file" && type != "mirror")
        return why.because(Errc::not_supported, "the pool's device is of type ", type);
    if (list.u64("vdev_children").value_or(1) != 1)
        return why.because(Errc::not_supported, "the pool has several devices");
    f.vdev_guid = TRY(tree.u64("guid"));
    f.ashift = TRY(tree.u64("ashift"));
    f.asize = TRY(tree.u64("asize"));
    f.metaslab_array = TRY(tree.u64("metaslab_array"));
    f.metaslab_shift = TRY(tree.u64("metaslab_shift"));
    if (f.ashift < 9 || f.ashift > 16) return Errc::corrupt;
    if (f.metaslab_shift < f.ashift || f.metaslab_shift > 50) return Errc::corrupt;
    Result<NvPair> features = list.find("features_for_read");
    if (features.ok()) {
        NvList inner = TRY(features.value().as_nvlist());
        NvList::Cursor cursor{inner};
        NvPair pair;
        while (TRY(cursor.next(pair)))
            if (!is_known(pair.name))
                return why.because(Errc::not_supported, "the pool uses feature ", pair.name);
    }
    return {};
}

// Takes the label's configuration and its youngest uberblock, if the label is sound.
Result<void> Pool::read_label(unsigned index, MutableBytes area, Refusal& why) {
    BlockSource& source = reader_->source();
    std::uint64_t offset = label_offset(index, source.size());
    TRY(source.read(offset, area));
    MutableBytes list = area.subspan(label_nvlist_offset, label_nvlist_size);
    if (!is_sealed(list, offset_verifier(offset + label_nvlist_offset))) return Errc::corrupt;
    NvList config = TRY(NvList::open(list));
    if (config.u64("state").value_or(0) > 1)
        return why.because(Errc::not_supported, "the device is a spare, a cache or destroyed");
    if (found_->facts.good_labels == 0)
        TRY(take_config(config, why));
    else if (TRY(config.u64("pool_guid")) != found_->facts.guid)
        return Errc::corrupt;
    ++found_->facts.good_labels;
    std::size_t slot = std::size_t{1}
                       << uberblock_shift(static_cast<unsigned>(found_->facts.ashift));
    for (std::size_t at = 0; at < label_uberblocks_size; at += slot) {
        MutableBytes raw = area.subspan(label_uberblocks_offset + at, slot);
        auto ub = load<Uberblock>(raw.data());
        if (ub.magic == __builtin_bswap64(uberblock_magic))
            return why.because(Errc::not_supported, "the pool is of the other byte order");
        if (ub.magic != uberblock_magic) continue;
        bool younger =
            ub.txg > found_->uberblock.txg ||
            (ub.txg == found_->uberblock.txg && ub.timestamp > found_->uberblock.timestamp);
        if (found_->uberblock.magic != 0 && !younger) continue;
        if (is_sealed(raw, offset_verifier(offset + label_uberblocks_offset + at)))
            found_->uberblock = ub;
    }
    return {};
}

Result<void> Pool::read_labels(Refusal& why) {
    if (reader_->source().size() < label_start_size + label_end_size)
        return why.because(Errc::corrupt, "too small to hold a pool");
    Buffer area = TRY(Buffer::zeroed(label_size));
    for (unsigned i = 0; i < label_count; ++i) {
        Result<void> read = read_label(i, area.span(), why);
        if (!read.ok() && read.error() != Errc::corrupt && read.error() != Errc::not_found &&
            read.error() != Errc::invalid)
            return read.error();
    }
    if (found_->facts.good_labels == 0) return why.because(Errc::corrupt, "no valid ZFS label");
    if (found_->uberblock.magic == 0) return why.because(Errc::corrupt, "no valid uberblock");
    found_->facts.txg = found_->uberblock.txg;
    found_->facts.timestamp = found_->uberblock.timestamp;
    return {};
}

Result<Pool> Pool::open(BlockReader& reader, Refusal& why) {
    Pool p;
    p.reader_ = &reader;
    p.found_ = TRY(make_own<Found>());
    TRY(p.read_labels(why));
    p.mos_ = TRY(Objset::open(reader, p.found_->uberblock.rootbp));
    if (p.mos_.phys().type != ObjsetType::meta) return Errc::corrupt;
    if (p.found_->facts.version >= spa_version_features) TRY(p.check_features(why));
    return p;
}

Result<std::uint64_t> Pool::directory_entry(std::string_view name) {
    Object directory = TRY(mos_.object(1));
    ZapReader zap = TRY(ZapReader::open(directory));
    return zap.u64(name);
}

Result<void> Pool::check_features(Refusal& why) {
    Object object = TRY(mos_.object(TRY(directory_entry("features_for_read"))));
    ZapReader zap = TRY(ZapReader::open(object));
    ZapEntry e;
    for (std::uint64_t at = 0; TRY(zap.next(at, e));)
        if (e.value != 0 && !is_known(e.name))
            return why.because(Errc::not_supported, "the pool uses feature ", e.name);
    return {};
}

Result<std::uint64_t> Pool::find_dataset(std::string_view name) {
    std::string_view snapshot;
    if (std::size_t at = name.find('@'); at != std::string_view::npos) {
        snapshot = name.substr(at + 1);
        name = name.substr(0, at);
    }
    std::uint64_t dir_object = TRY(root_dir());
    std::size_t slash = name.find('/');
    if (name.substr(0, slash) != std::string_view{found_->facts.name}) return Errc::not_found;
    while (slash != std::string_view::npos) {
        name = name.substr(slash + 1);
        slash = name.find('/');
        Object children = TRY(mos_.object(TRY(dir(dir_object)).child_dir_zapobj));
        ZapReader zap = TRY(ZapReader::open(children));
        dir_object = TRY(zap.u64(name.substr(0, slash)));
    }
    std::uint64_t head = TRY(dir(dir_object)).head_dataset_obj;
    if (head == 0) return Errc::not_found;
    if (snapshot.empty()) return head;
    Object names = TRY(mos_.object(TRY(dataset(head)).snapnames_zapobj));
    ZapReader zap = TRY(ZapReader::open(names));
    ZapEntry e; // the table may be normalised, so it is walked
    for (std::uint64_t at = 0; TRY(zap.next(at, e));)
        if (e.name == snapshot) return e.value;
    return Errc::not_found;
}

} // namespace drupe::zfs
