// SPDX-License-Identifier: BSD-2-Clause
// The pool's directory of datasets (DSL): directories with their properties and children, the
// origin every dataset descends from, heads and snapshots with their dead lists.
#pragma once

#include "dataset.h"
#include "mos.h"

namespace drupe::mkzfs {

inline constexpr std::uint64_t origin_txg = 1;   // the origin is older than everything
inline constexpr std::uint64_t content_txg = 4;  // OpenZFS's first (TXG_INITIAL)
inline constexpr std::uint64_t snapshot_txg = 5; // also that of the pool's own structure

/// Identifiers derived from the pool's content.
class Identifiers {
public:
    explicit Identifiers(const zfs::CksumValue& seed) : seed_(seed) {}
    std::uint64_t next();

private:
    zfs::CksumValue seed_;
    std::uint64_t count_ = 0;
};

class Dsl {
public:
    Dsl(Mos& mos, Identifiers& ids, std::uint64_t time) : mos_(mos), ids_(ids), time_(time) {}

    /// Adds everything for `datasets`, of which `written[i]` has been written; gives the object of
    /// the root directory. `zapified` counts dataset objects that carry features of their own.
    std::uint64_t build(const Settings& settings, const std::vector<WrittenDataset>& written);

    /// Features of single datasets and how many datasets use them.
    struct FeatureUse {
        std::string name;
        std::uint64_t count = 0;
    };
    const std::vector<FeatureUse>& features() const { return features_; }
    std::uint64_t zapified() const { return zapified_; }
    /// Accounts for the meta object set's own blocks.
    void set_mos_totals(const Totals& totals);

private:
    struct Dir {
        std::uint64_t object = 0, parent = 0; // parent: index in dirs_, for all but the root
        std::string name;
        zfs::DslDirPhys phys{};
        Table children;
        Totals own;
    };
    std::size_t add_dir(const std::string& name, std::size_t parent, const Table& properties);
    std::uint64_t add_bpobj();
    std::uint64_t add_deadlist(std::initializer_list<std::uint64_t> min_txgs);
    void add_origin();
    void add_dataset(const DatasetSettings& dataset, const std::string& snapshot,
                     const WrittenDataset& written, std::size_t dir);
    void mark_features(std::uint64_t object, const DatasetSettings& dataset);
    zfs::DslDatasetPhys dataset_phys(std::size_t dir);
    void finish();

    Mos& mos_;
    Identifiers& ids_;
    std::uint64_t time_;
    std::vector<Dir> dirs_;
    std::size_t mos_dir_ = 0, origin_dir_ = 0;
    std::uint64_t origin_head_ = 0, origin_snapshot_ = 0;
    Table origin_next_clones_, origin_clones_;
    std::vector<FeatureUse> features_;
    std::uint64_t zapified_ = 0;

public:
    /// An empty list of block pointers (dead lists, deferred frees).
    std::uint64_t new_bpobj() { return add_bpobj(); }
};

} // namespace drupe::mkzfs
