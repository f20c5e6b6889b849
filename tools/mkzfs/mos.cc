// SPDX-License-Identifier: BSD-2-Clause
#include "mos.h"

#include "failure.h"

namespace drupe::mkzfs {

std::uint64_t Mos::add(zfs::ObjectType type) {
    objects_.emplace_back().type = type;
    return objects_.size() - 1;
}

std::uint64_t Mos::add_table(zfs::ObjectType type, const Table& table) {
    std::uint64_t object = add(type);
    set_table(object, table);
    return object;
}

void Mos::set_table(std::uint64_t object, const Table& table) {
    std::vector<zfs::ZapItem> items;
    std::vector<std::string> texts(table.size()); // with the NUL that strings are kept with
    for (std::size_t i = 0; i < table.size(); ++i) {
        const TableEntry& e = table[i];
        zfs::ZapItem item{e.name, e.number};
        if (e.is_text) {
            texts[i] = e.text + '\0';
            item.integer_size = 1;
            item.values = zfs::bytes_of(texts[i]);
        }
        items.push_back(item);
    }
    zfs::ZapImage image = must(zfs::build_zap(items, object << 1 | 1), "a table of the pool");
    MosObject& o = objects_[object];
    o.block_size = image.block_size;
    o.data.assign(image.blocks.begin(), image.blocks.end());
}

void Mos::write_data(std::uint64_t object, BlockWriter& writer, const Encoding& how,
                     Totals& totals) {
    MosObject& o = objects_[object];
    constexpr unsigned indirect_shift = 14;
    std::uint64_t blocks = (o.data.size() + o.block_size - 1) / o.block_size;
    o.data.resize(blocks * o.block_size);
    // A large bonus buffer leaves room for one pointer only. A space map's must be so small that
    // OpenZFS takes it for the first version: it looks at the capacity.
    unsigned top = o.bonus.size() > 64 ? 1 : 3;
    o.dnode = make_dnode(o.type, o.block_size, blocks, top, indirect_shift);
    IndirectBuilder tree{writer, how, o.dnode};
    for (std::uint64_t i = 0; i < blocks; ++i) {
        Totals one;
        zfs::Blkptr bp =
            writer.write(o.type, 0, how, {&o.data[i * o.block_size], o.block_size}, 1, one);
        tree.count(bp);
        tree.add(i, bp);
    }
    tree.finish();
    totals += tree.totals();
}

zfs::DnodePhys Mos::finished_dnode(std::uint64_t object) const {
    const MosObject& o = objects_[object];
    zfs::DnodePhys d = o.dnode;
    d.bonustype = o.bonus_type;
    d.bonuslen = static_cast<std::uint16_t>(o.bonus.size());
    if (!o.bonus.empty()) std::memcpy(d.bonus(), o.bonus.data(), o.bonus.size());
    return d;
}

} // namespace drupe::mkzfs
