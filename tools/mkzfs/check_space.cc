// SPDX-License-Identifier: BSD-2-Clause
// Replays the space maps of a pool.
#include "check_blocks.h"
#include "failure.h"
#include "walk.h"

#include <drupe/zfs/nvlist.h>
#include <drupe/zfs/space_map.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace drupe::mkzfs {

using zfs::ObjectType;

namespace {

class SpaceReader {
public:
    SpaceReader(zfs::Pool& pool, Findings& findings)
        : pool_(pool), findings_(findings), facts_(pool.facts()) {}

    RangeSet run() {
        std::uint64_t count = facts_.asize >> facts_.metaslab_shift;
        if (facts_.asize > pool_.reader().source().size())
            fail("the device is smaller than its label says");
        zfs::Object array = must(pool_.mos().object(facts_.metaslab_array), "metaslab array");
        read_flush_txgs(count);
        for (std::uint64_t i = 0; i < count; ++i) {
            std::byte word[8];
            must(array.read(i * 8, word), "metaslab array");
            if (std::uint64_t object = zfs::load_le<std::uint64_t>(word)) read_metaslab(i, object);
        }
        read_logs();
        return std::move(allocated_);
    }

private:
    std::vector<std::byte> entries(std::uint64_t object, const std::string& what,
                                   std::int64_t& alloc) {
        zfs::Object map = must(pool_.mos().object(object), what);
        if (map.phys().type != ObjectType::space_map ||
            map.bonus().size() < sizeof(zfs::SpaceMapPhysV0))
            fail("{}: it is damaged", what);
        auto header = zfs::load<zfs::SpaceMapPhysV0>(map.bonus().data());
        std::vector<std::byte> data;
        read_list(map, header.length, what,
                  [&](zfs::Bytes b) { data.insert(data.end(), b.begin(), b.end()); });
        alloc = header.alloc;
        return data;
    }

    void apply(const zfs::SpaceMapEntry& e, std::uint64_t base, const std::string& what) {
        std::uint64_t begin = base + e.offset;
        if (begin > facts_.asize || e.length > facts_.asize - begin)
            return findings_.error("{}: an entry lies beyond the device", what);
        bool good = e.type == zfs::SpaceMapEntry::Type::alloc ? allocated_.add(begin, e.length)
                                                              : allocated_.remove(begin, e.length);
        if (!good)
            findings_.error("{}: {:#x} is {} twice", what, begin,
                            e.type == zfs::SpaceMapEntry::Type::alloc ? "allocated" : "freed");
    }

    void read_metaslab(std::uint64_t index, std::uint64_t object) {
        std::string what = fmt::format("space map of metaslab {}", index);
        std::int64_t alloc = 0, sum = 0;
        std::vector<std::byte> data = entries(object, what, alloc);
        zfs::Bytes rest = data;
        zfs::SpaceMapEntry e;
        auto ashift = static_cast<unsigned>(facts_.ashift);
        std::uint64_t size = std::uint64_t{1} << facts_.metaslab_shift;
        while (must(decode_space_map(rest, e, ashift), what)) {
            if (e.offset + e.length > size)
                findings_.error("{}: an entry leaves the metaslab", what);
            apply(e, index << facts_.metaslab_shift, what);
            sum += e.type == zfs::SpaceMapEntry::Type::alloc ? static_cast<std::int64_t>(e.length)
                                                             : -static_cast<std::int64_t>(e.length);
        }
        if (sum != alloc)
            findings_.error("{}: it counts {} bytes, its entries {}", what, alloc, sum);
    }

    // Pools with a log of space maps: which metaslab's own map is how old.
    void read_flush_txgs(std::uint64_t count) {
        flushed_.assign(count, 0);
        Result<std::uint64_t> logs = pool_.directory_entry("com.delphix:log_spacemap_zap");
        if (!logs.ok()) return;
        logs_ = logs.value();
        std::optional<std::uint64_t> table = vdev_table();
        if (!table) return;
        for (const auto& [name, object] : zap_entries(pool_.mos(), *table, "device's table")) {
            if (name != "com.delphix:ms_unflushed_phys_txgs") continue;
            zfs::Object txgs = must(pool_.mos().object(object), "flush times");
            for (std::uint64_t i = 0; i < count; ++i) {
                std::byte word[8];
                must(txgs.read(i * 8, word), "flush times");
                flushed_[i] = zfs::load_le<std::uint64_t>(word);
            }
        }
    }

    // "com.delphix:vdev_zap_top" in the configuration of the MOS.
    std::optional<std::uint64_t> vdev_table() {
        zfs::Object config =
            must(pool_.mos().object(must(pool_.directory_entry("config"), "config")), "config");
        std::vector<std::byte> packed;
        read_list(config, config.block_count() * config.block_size(), "config",
                  [&](zfs::Bytes b) { packed.insert(packed.end(), b.begin(), b.end()); });
        zfs::NvList list = must(zfs::NvList::open(packed), "config");
        zfs::NvList tree = must(must(list.find("vdev_tree"), "config").as_nvlist(), "config");
        zfs::NvList child = must(must(tree.find("children"), "config").as_nvlist(0), "config");
        Result<std::uint64_t> table = child.u64("com.delphix:vdev_zap_top");
        return table.ok() ? std::optional{table.value()} : std::nullopt;
    }

    static std::uint64_t txg_of(const std::string& name) {
        std::uint64_t txg{};
        auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), txg, 16);
        if (error != std::errc{}) fail("log of space maps: '{}' is no number", name);
        return txg;
    }

    void read_logs() {
        if (logs_ == 0) return;
        std::map<std::uint64_t, std::uint64_t> by_txg;
        for (const auto& [name, object] : zap_entries(pool_.mos(), logs_, "log of space maps"))
            by_txg[txg_of(name)] = object;
        for (auto [txg, object] : by_txg) {
            std::string what = fmt::format("space map log of txg {}", txg);
            std::int64_t alloc = 0;
            std::vector<std::byte> data = entries(object, what, alloc);
            zfs::Bytes rest = data;
            zfs::SpaceMapEntry e;
            while (must(decode_space_map(rest, e, zfs::sector_shift), what)) {
                // Entries count sectors of the device.
                std::uint64_t metaslab = e.offset >> facts_.metaslab_shift;
                if (metaslab < flushed_.size() && txg < flushed_[metaslab]) continue;
                apply(e, 0, what);
            }
        }
    }

    zfs::Pool& pool_;
    Findings& findings_;
    const zfs::PoolFacts& facts_;
    RangeSet allocated_;
    std::vector<std::uint64_t> flushed_;
    std::uint64_t logs_ = 0;
};

} // namespace

RangeSet read_space_maps(zfs::Pool& pool, Findings& findings) {
    return SpaceReader{pool, findings}.run();
}

} // namespace drupe::mkzfs
