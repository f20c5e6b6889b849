// SPDX-License-Identifier: BSD-2-Clause
// Opening a pool read-only: labels, uberblock, feature check, object directory, datasets.
#pragma once

#include <drupe/zfs/label.h>
#include <drupe/zfs/object.h>
#include <drupe/zfs/sa.h>

namespace drupe::zfs {

/// Why a pool is refused, as a sentence for a person. Empty when the error says it all.
class Refusal {
public:
    Errc because(Errc errc, std::string_view text, std::string_view detail = {});
    std::string_view text() const { return {text_, length_}; }

private:
    char text_[192];
    std::size_t length_ = 0;
};

/// What labels and uberblock say.
struct PoolFacts {
    char name[256] = {};
    std::uint64_t version = 0, state = 0, guid = 0, vdev_guid = 0, txg = 0, timestamp = 0;
    std::uint64_t ashift = 0, asize = 0, metaslab_array = 0, metaslab_shift = 0;
    unsigned good_labels = 0;
};

class Pool {
public:
    Pool() = default;
    /// Opens the pool on the reader's device: takes the youngest valid uberblock of the labels that
    /// agree. `why` says what an Errc::not_supported refuses.
    static Result<Pool> open(BlockReader& reader, Refusal& why);

    const PoolFacts& facts() const { return found_->facts; }
    const Uberblock& uberblock() const { return found_->uberblock; }
    Objset& mos() { return mos_; }
    BlockReader& reader() { return *reader_; }

    /// An entry of the object directory. Errc::not_found.
    Result<std::uint64_t> directory_entry(std::string_view name);
    /// Features that `features_for_read` counts as in use and this reader does not know, the first
    /// by name in `why`.
    Result<void> check_features(Refusal& why);

    template <class Phys>
    Result<Phys> bonus(std::uint64_t object, ObjectType type) {
        Object o = TRY(mos_.object(object));
        if (o.phys().bonustype != type || o.bonus().size() < sizeof(Phys)) return Errc::corrupt;
        return load<Phys>(o.bonus().data());
    }
    Result<DslDirPhys> dir(std::uint64_t object) {
        return bonus<DslDirPhys>(object, ObjectType::dsl_dir);
    }
    Result<DslDatasetPhys> dataset(std::uint64_t object) {
        return bonus<DslDatasetPhys>(object, ObjectType::dsl_dataset);
    }
    Result<std::uint64_t> root_dir() { return directory_entry("root_dataset"); }
    /// The dataset object of "pool/a/b" or "pool/a/b@snapshot". Errc::not_found.
    Result<std::uint64_t> find_dataset(std::string_view name);

private:
    Result<void> read_labels(Refusal& why);
    Result<void> read_label(unsigned index, MutableBytes area, Refusal& why);
    Result<void> take_config(const class NvList& list, Refusal& why);

    BlockReader* reader_ = nullptr;
    struct Found { // on the heap, as objects are
        PoolFacts facts;
        Uberblock uberblock{};
    };
    OwnPtr<Found> found_;
    Objset mos_;
};

/// A mounted file system: one dataset's objects seen as files.
class Filesystem {
public:
    Filesystem() = default;
    static Result<Filesystem> open(BlockReader& reader, const Blkptr& root, Refusal& why);

    /// A file: its object and attributes. The attributes' views lie in the file's own buffers.
    struct File {
        std::uint64_t number = 0;
        Object object;
        Buffer spill;
        ZplAttrs attrs;
    };
    Result<File> file(std::uint64_t number);
    /// The entry `name` of a directory: object number and type as dirent_value() packs them.
    Result<std::uint64_t> lookup(File& directory, std::string_view name);

    std::uint64_t root() const { return root_; }
    std::uint64_t delete_queue() const { return delete_queue_; }
    Objset& objset() { return objset_; }

private:
    Objset objset_;
    SaTables tables_;
    std::uint64_t root_ = 0, delete_queue_ = 0;
};

inline constexpr std::uint64_t zpl_version = 5;
inline constexpr std::uint64_t master_node_object = 1;

} // namespace drupe::zfs
