// SPDX-License-Identifier: BSD-2-Clause
// The objects of the meta object set while they are put together: numbered as they are added,
// written at the end.
#pragma once

#include "blocks.h"

#include <drupe/zfs/zap.h>

#include <cstring>
#include <string>
#include <vector>

namespace drupe::mkzfs {

/// A named value: a number, or a text where one is given.
struct TableEntry {
    std::string name;
    std::uint64_t number = 0;
    std::string text;
    bool is_text = false;
};
using Table = std::vector<TableEntry>;

struct MosObject {
    zfs::ObjectType type = zfs::ObjectType::none;
    std::size_t block_size = zfs::sector_size;
    std::vector<std::byte> data; // padded to whole blocks when it is written
    zfs::ObjectType bonus_type = zfs::ObjectType::none;
    std::vector<std::byte> bonus;
    zfs::DnodePhys dnode{}; // complete once the data is written

    template <class T>
    void set_bonus(zfs::ObjectType t, const T& value) {
        bonus_type = t;
        bonus.resize(sizeof value);
        std::memcpy(bonus.data(), &value, sizeof value);
    }
};

class Mos {
public:
    Mos() : objects_(1) {}

    /// Adds an object, gives its number.
    std::uint64_t add(zfs::ObjectType type);
    std::uint64_t add_table(zfs::ObjectType type, const Table& table);
    /// Gives an object the content of a table.
    void set_table(std::uint64_t object, const Table& table);
    MosObject& at(std::uint64_t object) { return objects_[object]; }
    std::uint64_t count() const { return objects_.size(); } // object 0 included

    /// Writes an object's data and completes its dnode but for the bonus buffer.
    void write_data(std::uint64_t object, BlockWriter& writer, const Encoding& how, Totals& totals);
    /// The dnode with the bonus buffer as it is now.
    zfs::DnodePhys finished_dnode(std::uint64_t object) const;

private:
    std::vector<MosObject> objects_;
};

} // namespace drupe::mkzfs
