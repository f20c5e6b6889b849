// SPDX-License-Identifier: BSD-2-Clause
#include "image.h"

#include "codecs.h"
#include "disk.h"
#include "dsl.h"
#include "failure.h"

#include <drupe/zfs/checksum.h>
#include <drupe/zfs/label.h>
#include <drupe/zfs/space_map.h>

#include <filetree/host_file.h>

#include <algorithm>
#include <sys/stat.h>

namespace drupe::mkzfs {

using zfs::ObjectType;

namespace {

constexpr std::uint64_t min_pool_size = 64ull << 20;
constexpr std::uint64_t max_pool_size = 1ull << 51; // 2^17 metaslabs of the largest kind
constexpr std::uint64_t min_slop = 128ull << 20;
constexpr std::uint64_t mebibyte = 1 << 20;
// What the pool's own structure takes to be read stands in the label too. Once enabled OpenZFS
// counts it as in use, whether a block is embedded or not.
constexpr std::string_view label_features[] = {"com.delphix:embedded_data"};

// Space OpenZFS keeps back of a pool of `space` bytes (spa_get_slop_space).
std::uint64_t slop_of(std::uint64_t space) {
    return std::max(space >> 5, std::min(space >> 1, min_slop));
}

// The smallest space for metaslabs of `unit` bytes in which `wanted` is usable.
std::uint64_t space_for(std::uint64_t wanted, std::uint64_t unit) {
    std::uint64_t space = zfs::round_up(wanted, unit);
    while (space - slop_of(space) < wanted) space += unit;
    return space;
}

std::uint64_t pool_size_for(std::uint64_t space) {
    std::uint64_t size = space + zfs::label_start_size + zfs::label_end_size;
    return std::max(min_pool_size, zfs::round_up(size, mebibyte));
}

// OpenZFS's choice (vdev_metaslab_set_size): 16 to 200 metaslabs of 512 MiB and more, at least
// 16 MiB each.
unsigned metaslab_shift_for(std::uint64_t asize) {
    constexpr unsigned usual = 29, largest = 34;
    std::uint64_t count = asize >> usual;
    unsigned shift = count < 16    ? zfs::high_bit(asize / 16)
                     : count > 200 ? zfs::high_bit(asize / 200)
                                   : usual;
    return std::clamp<unsigned>(shift, zfs::min_metaslab_shift, largest);
}

// A sparse file takes what it has of blocks.
std::uint64_t allocated_size(const filetree::Inode& inode) {
    constexpr std::uint64_t worth_asking = 8 * mebibyte;
    struct stat st {};
    if (inode.size < worth_asking || stat(filetree::HostPath(inode.source).c_str(), &st) != 0)
        return inode.size;
    return std::min(inode.size, static_cast<std::uint64_t>(st.st_blocks) * 512);
}

// An upper bound of what a tree takes, before anything is read.
std::uint64_t estimate(const Settings& settings) {
    std::uint64_t total = 4 * mebibyte, unit = std::uint64_t{1} << settings.ashift;
    for (const DatasetSettings& d : settings.datasets) {
        for (const auto& [path, node] : d.tree.nodes()) {
            total += 2 * unit + zfs::dnode_size;
            if (node.inode->kind == filetree::Kind::file) {
                std::uint64_t size = allocated_size(*node.inode);
                total += size + size / 64;
            }
        }
    }
    return total;
}

zfs::CksumValue seed_of(const Settings& settings, const std::vector<WrittenDataset>& written) {
    zfs::Sha256 hash;
    auto text = [&](const std::string& s) {
        hash.update_u64(s.size());
        hash.update(zfs::bytes_of(s));
    };
    text(settings.pool);
    text(settings.snapshot);
    hash.update_u64(settings.ashift);
    hash.update_u64(settings.size.value_or(0));
    for (std::size_t i = 0; i < written.size(); ++i) {
        const DatasetSettings& d = settings.datasets[i];
        text(d.name);
        for (const Property& p : d.properties) {
            text(p.name);
            text(p.text);
            hash.update_u64(p.number.value_or(0));
        }
        // The root's checksum covers all checksums below it, and so all content.
        for (std::uint64_t w : written[i].root.cksum.word) hash.update_u64(w);
    }
    return hash.finish();
}

class PoolWriter {
public:
    PoolWriter(const Settings& settings, Output& out, Allocator& space, SystemCodecs& codecs,
               const Encoding& metadata)
        : settings_(settings), space_(space), out_(out), writer_(out, space, codecs, snapshot_txg),
          metadata_(metadata) {}

    std::uint64_t pool_size() const { return pool_size_; }
    std::uint64_t pool_guid() const { return config_.pool_guid; }

    void write(const std::vector<WrittenDataset>& written, const zfs::CksumValue& seed,
               std::uint64_t time) {
        Identifiers ids{seed};
        config_.name = settings_.pool;
        config_.device_type = settings_.device_type;
        config_.pool_guid = settings_.guid.value_or(ids.next());
        config_.vdev_guid = ids.next();
        Dsl dsl{mos_, ids, time};
        std::uint64_t directory = mos_.add(ObjectType::object_directory);
        std::uint64_t config = mos_.add(ObjectType::packed_nvlist);
        std::uint64_t root_dir = dsl.build(settings_, written);
        std::uint64_t sync = dsl.new_bpobj(), deferred = dsl.new_bpobj();
        Table table = {{"root_dataset", root_dir, {}, false},
                       {"config", config, {}, false},
                       {"sync_bplist", sync, {}, false},
                       {"free_bpobj", deferred, {}, false},
                       {"creation_version", zfs::spa_version_features, {}, false},
                       {"deflate", 1, {}, false}};
        add_features(dsl, table);
        mos_.set_table(directory, table);
        array_ = mos_.add(ObjectType::object_array);
        choose_size();
        set_config(config);
        for (std::uint64_t object = 1; object < mos_.count(); ++object)
            if (object != array_) mos_.write_data(object, writer_, metadata_, totals_);
        write_rest(dsl);
        write_labels(time);
    }

private:
    void add_features(const Dsl& dsl, Table& directory) {
        Table read, descriptions;
        auto add = [&](const std::string& name, std::uint64_t count, const char* words) {
            read.push_back({name, count, {}, false});
            descriptions.push_back({name, 0, words, true});
        };
        for (std::string_view name : label_features)
            add(std::string(name), 1, "Blocks which compress very well use even less space.");
        bool lz4 = metadata_.compress == zfs::Compress::lz4;
        for (const DatasetSettings& d : settings_.datasets)
            lz4 = lz4 || d.data.compress == zfs::Compress::lz4;
        if (lz4) add("org.illumos:lz4_compress", 1, "LZ4 compression algorithm support.");
        if (dsl.zapified() != 0)
            add("com.delphix:extensible_dataset", dsl.zapified(),
                "Enhanced dataset functionality, used by other features.");
        for (const Dsl::FeatureUse& f : dsl.features())
            add(f.name, f.count,
                f.name.ends_with("zstd_compress") ? "zstd compression algorithm support."
                                                  : "Support for blocks larger than 128KB.");
        constexpr ObjectType type = ObjectType::otn_zap_metadata;
        directory.push_back({"features_for_read", mos_.add_table(type, read), {}, false});
        directory.push_back({"features_for_write", mos_.add_table(type, {}), {}, false});
        directory.push_back(
            {"feature_descriptions", mos_.add_table(type, descriptions), {}, false});
    }

    // The size is decided before the last structures are written: they lie in it and describe it.
    void choose_size() {
        std::uint64_t unit = std::uint64_t{1} << space_.metaslab_shift();
        std::uint64_t reserve = 2 * mebibyte + (mos_.count() + 64) * 2048;
        std::uint64_t needed = space_.end() + reserve;
        pool_size_ = settings_.size ? *settings_.size & ~(zfs::label_size - 1ull)
                                    : pool_size_for(space_for(needed + settings_.free, unit));
        if (pool_size_ < min_pool_size) fail("a pool has at least 64 MiB");
        std::uint64_t asize = zfs::allocatable_size(pool_size_);
        metaslabs_ = asize >> space_.metaslab_shift();
        config_.ashift = space_.ashift();
        config_.asize = asize;
        config_.metaslab_shift = space_.metaslab_shift();
        config_.metaslab_array = array_;
        config_.txg = snapshot_txg;
        config_.create_txg = content_txg;
        config_.features = label_features;
        if (needed > metaslabs_ * unit)
            fail("a pool of {} bytes is too small: the content needs about {}", pool_size_,
                 pool_size_for(space_for(needed, unit)));
    }

    void set_config(std::uint64_t object) {
        constexpr std::size_t block = 16 * 1024; // SPA_CONFIG_BLOCKSIZE
        zfs::Buffer packed = must(pack_config(config_, true), "the pool's configuration");
        MosObject& o = mos_.at(object);
        o.block_size = block;
        o.data.assign(packed.begin(), packed.end());
        o.set_bonus(ObjectType::packed_nvlist_size, std::uint64_t{packed.size()});
    }

    // What is left describes itself: the space maps list the blocks they and everything after them
    // lie in. All of it has known sizes, so its places are tried out on a copy first.
    void write_rest(Dsl& dsl) {
        constexpr std::size_t array_block = 4096;
        MosObject& array = mos_.at(array_);
        array.block_size = array_block;
        array.data.resize(zfs::round_up(metaslabs_ * 8, array_block));
        std::uint64_t first_map = mos_.count();
        Allocator planned = plan_rest();
        std::size_t maps = planned.used().size();
        for (std::size_t i = 0; i < maps; ++i) {
            std::uint64_t object = mos_.add(ObjectType::space_map);
            zfs::store_le(&mos_.at(array_).data[i * 8], object);
            fill_space_map(mos_.at(object), planned.used()[i]);
        }
        mos_.write_data(array_, writer_, plain_, totals_);
        for (std::size_t i = 0; i < maps; ++i)
            mos_.write_data(first_map + i, writer_, plain_, totals_);
        Totals all = totals_;
        all += rest_totals_;
        dsl.set_mos_totals(all);
        ObjsetWriter objset{writer_, plain_, zfs::ObjsetType::meta, 1};
        for (std::uint64_t object = 1; object < mos_.count(); ++object)
            objset.put(object, mos_.finished_dnode(object));
        root_ = objset.finish();
        if (space_.end() != planned.end() || space_.used() != planned.used())
            fail("internal: the plan of the last blocks did not hold");
        if (space_.end() > metaslabs_ << space_.metaslab_shift())
            fail("a pool of {} bytes is too small", pool_size_);
    }

    std::size_t space_map_block() const {
        // One entry covers 2^15 units.
        std::uint64_t entries =
            (std::uint64_t{1} << (space_.metaslab_shift() - space_.ashift())) / (1 << 15);
        return std::bit_ceil(std::max<std::size_t>(4096, entries * 8));
    }

    void fill_space_map(MosObject& o, std::uint64_t used) {
        o.block_size = space_map_block();
        zfs::Buffer entries;
        must(encode_space_map(entries, {0, used, zfs::SpaceMapEntry::Type::alloc}, space_.ashift()),
             "a space map");
        o.data.assign(entries.begin(), entries.end());
        o.set_bonus(ObjectType::space_map_header,
                    zfs::SpaceMapPhysV0{0, entries.size(), static_cast<std::int64_t>(used)});
    }

    Allocator plan_rest() {
        std::size_t maps = space_.used().size();
        for (;;) {
            Allocator trial = space_;
            std::uint64_t before = trial.allocated();
            auto take = [&](std::size_t bytes, std::size_t n) {
                for (std::size_t i = 0; i < n; ++i) trial.allocate(bytes);
                rest_totals_.psize += bytes * n;
                rest_totals_.lsize += bytes * n;
                rest_totals_.blocks += n;
            };
            const MosObject& array = mos_.at(array_);
            take(array.block_size, array.data.size() / array.block_size);
            if (array.data.size() / array.block_size > 3) take(16384, 1);
            take(space_map_block(), maps);
            // From here on it is what set_mos_totals() cannot count as it is written.
            before = trial.allocated();
            rest_totals_ = {};
            std::size_t dnode_blocks = (mos_.count() + maps - 1) / zfs::dnodes_per_block + 1;
            take(zfs::dnode_block_size, dnode_blocks);
            for (std::size_t n = dnode_blocks; n > 3;) {
                n = (n + 1023) / 1024;
                take(std::size_t{1} << 17, n);
            }
            take(zfs::objset_phys_size_v2, 1);
            rest_totals_.asize = trial.allocated() - before;
            if (trial.used().size() == maps) return trial;
            maps = trial.used().size();
        }
    }

    void write_labels(std::uint64_t time) {
        zfs::Uberblock ub{};
        ub.magic = zfs::uberblock_magic;
        ub.version = zfs::spa_version_features;
        ub.txg = snapshot_txg;
        ub.guid_sum = config_.pool_guid + config_.vdev_guid;
        ub.timestamp = time;
        ub.rootbp = root_;
        ub.software_version = zfs::spa_version_features;
        zfs::Buffer packed = must(pack_config(config_, false), "the label");
        for (unsigned i = 0; i < zfs::label_count; ++i) {
            zfs::Buffer label = must(zfs::Buffer::zeroed(zfs::label_size), "a label");
            std::uint64_t offset = zfs::label_offset(i, pool_size_);
            must(build_label(label.span(), offset, packed.span(), ub, space_.ashift()), "a label");
            out_.write(offset, label.span());
        }
    }

    const Settings& settings_;
    Allocator& space_;
    Output& out_;
    BlockWriter writer_;
    Encoding metadata_;
    Encoding plain_{zfs::Compress::off, 0, zfs::Checksum::fletcher_4};
    Mos mos_;
    zfs::PoolConfig config_;
    std::uint64_t array_ = 0, pool_size_ = 0, metaslabs_ = 0;
    Totals totals_, rest_totals_;
    zfs::Blkptr root_{};
};

Encoding metadata_encoding(const Settings& settings) {
    Encoding e{zfs::Compress::zle, 0, zfs::Checksum::fletcher_4};
    if (settings.datasets[0].data.compress == zfs::Compress::lz4) e.compress = zfs::Compress::lz4;
    if (settings.datasets[0].data.checksum == zfs::Checksum::sha256)
        e.checksum = zfs::Checksum::sha256;
    return e;
}

} // namespace

Report write_image(const Settings& settings, Output& out, const Progress& progress) {
    if (settings.size.value_or(0) > max_pool_size || settings.free > max_pool_size)
        fail("a pool has at most 2 PiB");
    std::optional<DiskLayout> disk;
    if (settings.disk) out.set_region(disk.emplace(settings).pool_offset());
    SystemCodecs codecs;
    Encoding metadata = metadata_encoding(settings);
    std::uint64_t asize =
        settings.size ? zfs::allocatable_size(*settings.size)
                      : space_for(estimate(settings) + settings.free, std::uint64_t{1} << 24);
    Allocator space{settings.ashift, metaslab_shift_for(asize)};
    BlockWriter writer{out, space, codecs, content_txg};
    Report report;
    std::vector<WrittenDataset> written;
    std::uint64_t before = 0;
    std::int64_t newest = 0;
    for (const DatasetSettings& d : settings.datasets) {
        Progress step;
        if (progress) step = [&, before](std::uint64_t done) { progress(before + done); };
        WrittenDataset& w =
            written.emplace_back(write_dataset(d, writer, metadata, settings.threads, step));
        report.datasets.push_back({d.name.empty() ? settings.pool : settings.pool + "/" + d.name,
                                   w.files, w.bytes, w.totals.asize, w.totals.lsize});
        before += w.bytes;
        report.files += w.files;
        report.bytes += w.bytes;
        report.objects += w.objects;
        newest = std::max(newest, w.newest);
    }
    zfs::CksumValue seed = seed_of(settings, written);
    PoolWriter pool{settings, out, space, codecs, metadata};
    pool.write(written, seed, static_cast<std::uint64_t>(settings.time.value_or(newest)));
    report.allocated = space.allocated();
    report.pool_size = report.file_size = pool.pool_size();
    report.pool_guid = pool.pool_guid();
    report.metaslab_shift = space.metaslab_shift();
    if (disk) {
        report.pool_offset = disk->pool_offset();
        report.file_size = disk->file_size(pool.pool_size());
        disk->write(out, pool.pool_size(), seed);
    }
    out.set_sizes(report.pool_size, report.file_size);
    return report;
}

} // namespace drupe::mkzfs
