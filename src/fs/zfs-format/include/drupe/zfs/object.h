// SPDX-License-Identifier: BSD-2-Clause
// Reading blocks, objects and object sets. Nothing here caches beyond the blocks on the path to the
// current one; whoever reads at random puts a cache behind BlockSource.
// Errors: Errc::io from the source, Errc::corrupt for a failed checksum or a structure that
// contradicts itself, Errc::not_supported for a format we know by name and do not read.
#pragma once

#include <drupe/base/ref_ptr.h>
#include <drupe/zfs/checksum.h>
#include <drupe/zfs/codec.h>
#include <drupe/zfs/zap.h>

namespace drupe::zfs {

/// The device a pool lies on.
class BlockSource {
public:
    /// Fills `out` from byte `offset` on. Errc::io, also beyond the end.
    virtual Result<void> read(std::uint64_t offset, MutableBytes out) = 0;
    virtual std::uint64_t size() const = 0;

protected:
    ~BlockSource() = default;
};

/// Reads blocks through their pointers. One for each thread.
class BlockReader {
public:
    BlockReader(BlockSource& source, Codecs& codecs) : source_(&source), codecs_(&codecs) {}

    /// Reads, verifies and decodes the block `bp` points to; out.size() is bp.lsize(). A hole reads
    /// as zeros. Copies are tried in turn: the first whose checksum holds is taken.
    Result<void> read(const Blkptr& bp, MutableBytes out);

    BlockSource& source() { return *source_; }
    Codecs& codecs() { return *codecs_; }

private:
    Result<void> read_copy(const Blkptr& bp, unsigned copy, MutableBytes out);
    Result<void> read_gang(const Blkptr& header, const Dva& dva, MutableBytes out, unsigned depth);
    Result<void> read_raw(const Dva& dva, MutableBytes out);

    BlockSource* source_;
    Codecs* codecs_;
    Buffer scratch_;
};

/// Reads a gang header's three pointers. Errc::corrupt when its self-check fails.
Result<void> read_gang_header(BlockSource& source, const Blkptr& bp, const Dva& dva,
                              std::span<Blkptr, gang_blkptrs> out);

/// An open object: its dnode and the blocks on the path to the one read last. All of it lies on
/// the heap: stacks of the kernel are small.
class Object final : public BlockView {
public:
    Object() = default;
    /// `dnode` is the whole dnode, 512 bytes for each slot. Errc::corrupt when its numbers cannot
    /// be true.
    static Result<Object> open(BlockReader& reader, Bytes dnode);

    const DnodePhys& phys() const { return state_->dnode; }
    Bytes bonus() const { return state_->bonus.span(); }
    bool has_spill() const { return (phys().flags & dnode_flag_spill_blkptr) != 0; }
    const Blkptr& spill() const { return state_->spill; }

    Result<Bytes> block(std::uint64_t index) override;
    std::size_t block_size() const override { return phys().data_block_size(); }
    std::uint64_t block_count() const override { return phys().maxblkid + 1; }

    /// The pointer to data block `index`, which may be a hole.
    Result<Blkptr> pointer(std::uint64_t index);
    /// The first data block at or after `index` that is not a hole, or block_count().
    Result<std::uint64_t> next_data(std::uint64_t index) override;
    /// Reads out.size() bytes from byte `offset`; bytes past the last block are zero.
    Result<void> read(std::uint64_t offset, MutableBytes out);

private:
    static constexpr unsigned max_levels = 16;
    Result<const Blkptr*> pointer_at(unsigned level, std::uint64_t index);

    struct Level {
        Buffer block;
        std::uint64_t index = ~0ull; // of the loaded block among those of its level
    };
    struct State {
        BlockReader* reader = nullptr;
        DnodePhys dnode{};
        Blkptr spill{};
        Buffer bonus;
        Level levels[max_levels];
    };
    OwnPtr<State> state_;
};

/// Checks what can be checked of a dnode alone.
bool is_plausible(const DnodePhys& d);

/// An object set: the array of objects behind one root block pointer.
class Objset {
public:
    Objset() = default;
    static Result<Objset> open(BlockReader& reader, const Blkptr& root);

    /// Errc::not_found for a free or impossible number.
    Result<Object> object(std::uint64_t number);
    /// The first allocated object after `number`; Errc::not_found at the end.
    Result<std::uint64_t> next(std::uint64_t number);
    std::uint64_t capacity() const { return meta_.block_count() * dnodes_per_block; }

    const ObjsetPhys& phys() const { return *reinterpret_cast<const ObjsetPhys*>(raw_.data()); }
    /// The user accounting objects that lie in the object set's own block, by index 0–2.
    Result<Object> accounting(unsigned index);
    Object& meta() { return meta_; }
    BlockReader& reader() { return *reader_; }

private:
    BlockReader* reader_ = nullptr;
    Buffer raw_; // the object set's own block
    Object meta_;
};

} // namespace drupe::zfs
