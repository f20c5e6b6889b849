// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/pool.h>

namespace drupe::zfs {

namespace {

Result<SaTables> read_tables(Objset& objset, std::uint64_t master) {
    Object node = TRY(objset.object(master));
    ZapReader zap = TRY(ZapReader::open(node));
    std::uint64_t registry_object = TRY(zap.u64("REGISTRY"));
    std::uint64_t layouts_object = TRY(zap.u64("LAYOUTS"));
    Object registry = TRY(objset.object(registry_object));
    Object layouts = TRY(objset.object(layouts_object));
    ZapReader registry_zap = TRY(ZapReader::open(registry));
    ZapReader layouts_zap = TRY(ZapReader::open(layouts));
    return SaTables::read(registry_zap, layouts_zap);
}

} // namespace

Result<Filesystem> Filesystem::open(BlockReader& reader, const Blkptr& root, Refusal& why) {
    Filesystem fs;
    fs.objset_ = TRY(Objset::open(reader, root));
    if (fs.objset_.phys().type != ObjsetType::zfs)
        return why.because(Errc::not_supported, "the dataset is no file system");
    Object master = TRY(fs.objset_.object(master_node_object));
    ZapReader zap = TRY(ZapReader::open(master));
    if (TRY(zap.u64("VERSION")) != zpl_version)
        return why.because(Errc::not_supported, "the file system's version is not 5");
    if (zap.u64("casesensitivity").value_or(0) != 0 || zap.u64("normalization").value_or(0) != 0)
        return why.because(Errc::not_supported, "the file system normalises names");
    fs.root_ = TRY(zap.u64("ROOT"));
    fs.delete_queue_ = zap.u64("DELETE_QUEUE").value_or(0);
    fs.tables_ = TRY(read_tables(fs.objset_, TRY(zap.u64("SA_ATTRS"))));
    return fs;
}

Result<Filesystem::File> Filesystem::file(std::uint64_t number) {
    File f;
    f.number = number;
    f.object = TRY(objset_.object(number));
    ObjectType type = f.object.phys().type;
    if (type != ObjectType::plain_file_contents && type != ObjectType::directory_contents)
        return Errc::corrupt;
    if (f.object.phys().bonustype != ObjectType::sa) return Errc::not_supported;
    TRY(tables_.decode(f.object.bonus(), f.attrs));
    if (f.object.has_spill()) {
        const Blkptr& bp = f.object.spill();
        if (bp.is_hole() || bp.type() != ObjectType::sa || bp.lsize() > old_max_block_size)
            return Errc::corrupt;
        TRY(f.spill.resize(bp.lsize()));
        TRY(objset_.reader().read(bp, f.spill.span()));
        TRY(tables_.decode(f.spill.span(), f.attrs));
    }
    constexpr ZplAttr required[] = {ZplAttr::mode,   ZplAttr::size,  ZplAttr::uid,  ZplAttr::gid,
                                    ZplAttr::parent, ZplAttr::links, ZplAttr::mtime};
    for (ZplAttr a : required)
        if (!f.attrs.has(a)) return Errc::corrupt;
    return f;
}

Result<std::uint64_t> Filesystem::lookup(File& directory, std::string_view name) {
    if (directory.object.phys().type != ObjectType::directory_contents) return Errc::not_directory;
    ZapReader zap = TRY(ZapReader::open(directory.object));
    return zap.u64(name);
}

} // namespace drupe::zfs
