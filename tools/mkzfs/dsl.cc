// SPDX-License-Identifier: BSD-2-Clause
#include "dsl.h"

#include "failure.h"

#include <drupe/zfs/checksum.h>

#include <algorithm>

namespace drupe::mkzfs {

using zfs::ObjectType;

namespace {

constexpr std::uint64_t dir_flag_used_breakdown = 1;
enum Breakdown { used_head, used_snap, used_child };

std::string hex(std::uint64_t v) { return fmt::format("{:x}", v); }

std::string last_part(const std::string& name) { return name.substr(name.rfind('/') + 1); }

Table table_of(const std::vector<Property>& properties) {
    Table t;
    for (const Property& p : properties)
        t.push_back({p.name, p.number.value_or(0), p.text, !p.number});
    return t;
}

} // namespace

std::uint64_t Identifiers::next() {
    zfs::Sha256 hash;
    for (std::uint64_t w : seed_.word) hash.update_u64(w);
    hash.update_u64(count_++);
    return hash.finish().word[0] | 1; // 0 means "none" in several places
}

std::size_t Dsl::add_dir(const std::string& name, std::size_t parent, const Table& properties) {
    Dir d;
    d.object = mos_.add(ObjectType::dsl_dir);
    d.name = name;
    d.parent = parent;
    d.phys.creation_time = time_;
    d.phys.props_zapobj = mos_.add_table(ObjectType::dsl_props, properties);
    d.phys.child_dir_zapobj = mos_.add(ObjectType::dsl_dir_child_map);
    d.phys.flags = dir_flag_used_breakdown;
    std::size_t index = dirs_.size();
    if (index != 0) {
        d.phys.parent_obj = dirs_[parent].object;
        dirs_[parent].children.push_back({name, d.object, {}, false});
    }
    dirs_.push_back(std::move(d));
    return index;
}

std::uint64_t Dsl::add_bpobj() {
    std::uint64_t object = mos_.add(ObjectType::bpobj);
    mos_.at(object).block_size = zfs::old_max_block_size;
    mos_.at(object).set_bonus(ObjectType::bpobj_hdr, zfs::BpobjPhys{});
    return object;
}

// A dead list has one list of pointers for each older snapshot, named by its txg.
std::uint64_t Dsl::add_deadlist(std::initializer_list<std::uint64_t> min_txgs) {
    std::uint64_t object = mos_.add(ObjectType::deadlist);
    Table t;
    for (std::uint64_t txg : min_txgs) t.push_back({hex(txg), add_bpobj(), {}, false});
    mos_.set_table(object, t);
    mos_.at(object).set_bonus(ObjectType::deadlist_hdr, zfs::DeadlistPhys{});
    return object;
}

zfs::DslDatasetPhys Dsl::dataset_phys(std::size_t dir) {
    zfs::DslDatasetPhys p{};
    p.dir_obj = dirs_[dir].object;
    p.creation_time = time_;
    p.fsid_guid = ids_.next() & ((1ull << 56) - 1);
    p.guid = ids_.next();
    p.flags = zfs::ds_flag_unique_accurate;
    return p;
}

// $ORIGIN and its snapshot hold nothing; every dataset is a clone of that snapshot.
void Dsl::add_origin() {
    origin_dir_ = add_dir("$ORIGIN", 0, {});
    origin_head_ = mos_.add(ObjectType::dsl_dataset);
    origin_snapshot_ = mos_.add(ObjectType::dsl_dataset);
    zfs::DslDatasetPhys head = dataset_phys(origin_dir_), snapshot = dataset_phys(origin_dir_);
    snapshot.next_snap_obj = origin_head_;
    snapshot.num_children = 1;
    snapshot.creation_txg = origin_txg;
    snapshot.deadlist_obj = add_deadlist({});
    head.creation_txg = origin_txg;
    head.prev_snap_obj = origin_snapshot_;
    head.prev_snap_txg = origin_txg;
    head.deadlist_obj = add_deadlist({0});
    head.snapnames_zapobj =
        mos_.add_table(ObjectType::dsl_ds_snap_map, {{"$ORIGIN", origin_snapshot_, {}, false}});
    dirs_[origin_dir_].phys.head_dataset_obj = origin_head_;
    mos_.at(origin_head_).set_bonus(ObjectType::dsl_dataset, head);
    mos_.at(origin_snapshot_).set_bonus(ObjectType::dsl_dataset, snapshot);
}

// Features that a dataset uses by itself are listed in its own object, which becomes a table.
void Dsl::mark_features(std::uint64_t object, const DatasetSettings& dataset) {
    Table used;
    if (dataset.data.compress == zfs::Compress::zstd)
        used.push_back({"org.freebsd:zstd_compress", 0, {}, false});
    if (dataset.record_size > zfs::old_max_block_size)
        used.push_back({"org.open-zfs:large_blocks", 0, {}, false});
    if (used.empty()) return;
    mos_.at(object).type = ObjectType::otn_zap_metadata;
    mos_.set_table(object, used);
    ++zapified_;
    for (const TableEntry& e : used) {
        auto known = std::find_if(features_.begin(), features_.end(),
                                  [&](const FeatureUse& f) { return f.name == e.name; });
        if (known == features_.end())
            features_.push_back({e.name, 1});
        else
            ++known->count;
    }
}

void Dsl::add_dataset(const DatasetSettings& dataset, const std::string& snapshot_name,
                      const WrittenDataset& written, std::size_t dir) {
    std::uint64_t head_object = mos_.add(ObjectType::dsl_dataset);
    zfs::DslDatasetPhys head = dataset_phys(dir);
    head.creation_txg = content_txg;
    head.prev_snap_obj = origin_snapshot_;
    head.prev_snap_txg = origin_txg;
    head.referenced_bytes = written.totals.asize;
    head.compressed_bytes = written.totals.psize;
    head.uncompressed_bytes = written.totals.lsize;
    head.unique_bytes = written.totals.asize;
    head.bp = written.root;
    Table snapshots;
    std::uint64_t clone = head_object;
    if (snapshot_name.empty()) {
        head.deadlist_obj = add_deadlist({0});
    } else {
        std::uint64_t object = mos_.add(ObjectType::dsl_dataset);
        zfs::DslDatasetPhys s = head;
        s.fsid_guid = ids_.next() & ((1ull << 56) - 1);
        s.guid = ids_.next();
        s.creation_txg = snapshot_txg;
        s.next_snap_obj = head_object;
        s.num_children = 1;
        s.unique_bytes = 0; // all blocks are the head's too
        s.deadlist_obj = add_deadlist({0});
        mos_.at(object).set_bonus(ObjectType::dsl_dataset, s);
        mark_features(object, dataset);
        head.prev_snap_obj = object;
        head.prev_snap_txg = snapshot_txg;
        head.unique_bytes = 0;
        head.deadlist_obj = add_deadlist({0, origin_txg});
        snapshots.push_back({snapshot_name, object, {}, false});
        clone = object;
    }
    head.snapnames_zapobj = mos_.add_table(ObjectType::dsl_ds_snap_map, snapshots);
    mos_.at(head_object).set_bonus(ObjectType::dsl_dataset, head);
    mark_features(head_object, dataset);
    origin_next_clones_.push_back({hex(clone), clone, {}, false});
    origin_clones_.push_back({hex(head_object), head_object, {}, false});
    dirs_[dir].phys.head_dataset_obj = head_object;
    dirs_[dir].phys.origin_obj = origin_snapshot_;
    dirs_[dir].own = written.totals;
}

std::uint64_t Dsl::build(const Settings& settings, const std::vector<WrittenDataset>& written) {
    const std::vector<DatasetSettings>& datasets = settings.datasets;
    add_dir("", 0, table_of(datasets[0].properties));
    mos_dir_ = add_dir("$MOS", 0, {});
    add_dir("$FREE", 0, {});
    add_origin();
    std::vector<std::size_t> dir_of(datasets.size());
    for (std::size_t i = 1; i < datasets.size(); ++i) {
        const std::string& name = datasets[i].name;
        std::size_t parent = 0;
        for (std::size_t k = 1; k < i; ++k)
            if (name.starts_with(datasets[k].name + "/") &&
                name.rfind('/') == datasets[k].name.size())
                parent = dir_of[k];
        dir_of[i] = add_dir(last_part(name), parent, table_of(datasets[i].properties));
    }
    for (std::size_t i = 0; i < datasets.size(); ++i)
        add_dataset(datasets[i], settings.snapshot, written[i], dir_of[i]);

    auto origin = zfs::load<zfs::DslDatasetPhys>(mos_.at(origin_snapshot_).bonus.data());
    origin.num_children += datasets.size();
    origin.next_clones_obj = mos_.add_table(ObjectType::next_clones, origin_next_clones_);
    mos_.at(origin_snapshot_).set_bonus(ObjectType::dsl_dataset, origin);
    dirs_[origin_dir_].phys.clones = mos_.add_table(ObjectType::dsl_clones, origin_clones_);
    for (const Dir& d : dirs_) mos_.set_table(d.phys.child_dir_zapobj, d.children);
    finish();
    return dirs_[0].object;
}

void Dsl::set_mos_totals(const Totals& totals) {
    dirs_[mos_dir_].own = totals;
    finish();
}

// Sums up the tree of directories (children come after their parents) into the bonus buffers.
void Dsl::finish() {
    for (Dir& d : dirs_) {
        d.phys.used_bytes = d.own.asize;
        d.phys.compressed_bytes = d.own.psize;
        d.phys.uncompressed_bytes = d.own.lsize;
        d.phys.used_breakdown[used_head] = d.own.asize;
        d.phys.used_breakdown[used_child] = 0;
    }
    for (std::size_t i = dirs_.size(); i-- > 1;) {
        zfs::DslDirPhys& parent = dirs_[dirs_[i].parent].phys;
        const zfs::DslDirPhys& child = dirs_[i].phys;
        parent.used_bytes += child.used_bytes;
        parent.compressed_bytes += child.compressed_bytes;
        parent.uncompressed_bytes += child.uncompressed_bytes;
        parent.used_breakdown[used_child] += child.used_bytes;
    }
    for (const Dir& d : dirs_) mos_.at(d.object).set_bonus(ObjectType::dsl_dir, d.phys);
}

} // namespace drupe::mkzfs
