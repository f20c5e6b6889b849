// SPDX-License-Identifier: BSD-2-Clause
// From bytes to blocks on the image: encoding, space, pointers, indirect trees. Space is handed out
// in one direction only, so that a metaslab's allocated part is one run from its start.
#pragma once

#include "output.h"

#include <drupe/zfs/codec.h>
#include <drupe/zfs/ondisk.h>

#include <vector>

namespace drupe::mkzfs {

/// How one kind of block is encoded.
struct Encoding {
    zfs::Compress compress = zfs::Compress::off;
    int level = 0; // zstd
    zfs::Checksum checksum = zfs::Checksum::fletcher_4;
};

/// What encode_block() made of a block.
struct Encoded {
    std::size_t psize = 0;
    zfs::Compress compress = zfs::Compress::off;
    bool is_embedded() const {
        return compress != zfs::Compress::off && psize <= zfs::embedded_payload_size;
    }
};

/// Where a block may go.
struct Placement {
    unsigned ashift;
    bool may_embed;
};

/// Compresses `in` into `out` (at least as large) if that saves a unit of allocation, or the
/// block's place altogether: what `may_embed` and has at most 112 bytes then goes into its pointer.
/// Otherwise says "off" and leaves `out` unspecified: the block is `in`. The rest of a unit is
/// zeroed.
Encoded encode_block(zfs::Codecs& codecs, const Encoding& how, const Placement& place,
                     zfs::Bytes in, zfs::MutableBytes out);

class Allocator {
public:
    Allocator(unsigned ashift, unsigned metaslab_shift)
        : ashift_(ashift), metaslab_shift_(metaslab_shift) {}

    /// Space for `bytes`, inside one metaslab. Offsets count from the end of the first labels.
    std::uint64_t allocate(std::uint64_t bytes);
    std::uint64_t round(std::uint64_t bytes) const {
        return zfs::round_up(bytes, std::uint64_t{1} << ashift_);
    }

    unsigned ashift() const { return ashift_; }
    unsigned metaslab_shift() const { return metaslab_shift_; }
    std::uint64_t end() const { return next_; }
    /// For each metaslab touched so far, the allocated bytes from its start.
    const std::vector<std::uint64_t>& used() const { return used_; }
    std::uint64_t allocated() const { return allocated_; }

private:
    unsigned ashift_, metaslab_shift_;
    std::uint64_t next_ = 0, allocated_ = 0;
    std::vector<std::uint64_t> used_;
};

/// Sums over blocks, as datasets and dnodes keep them.
struct Totals {
    std::uint64_t asize = 0, psize = 0, lsize = 0, blocks = 0;

    void add(const zfs::Blkptr& bp) {
        asize += bp.asize();
        psize += bp.psize();
        lsize += bp.lsize();
        ++blocks;
    }
    Totals& operator+=(const Totals& o) {
        asize += o.asize;
        psize += o.psize;
        lsize += o.lsize;
        blocks += o.blocks;
        return *this;
    }
};

/// Writes single blocks of pool structure.
class BlockWriter {
public:
    BlockWriter(Output& out, Allocator& space, zfs::Codecs& codecs, std::uint64_t txg)
        : out_(out), space_(space), codecs_(codecs), txg_(txg) {}

    /// Encodes, allocates, writes. All zeros become a hole when `holes` says so.
    zfs::Blkptr write(zfs::ObjectType type, unsigned level, const Encoding& how, zfs::Bytes data,
                      std::uint64_t fill, Totals& totals);
    /// The pointer to an encoded block at `offset`.
    zfs::Blkptr pointer(const zfs::BlockKind& kind, std::uint64_t offset,
                        const zfs::CksumValue& cksum, std::uint64_t fill) const;

    Allocator& space() { return space_; }
    Output& output() { return out_; }
    zfs::Codecs& codecs() { return codecs_; }
    std::uint64_t txg() const { return txg_; }

private:
    Output& out_;
    Allocator& space_;
    zfs::Codecs& codecs_;
    std::uint64_t txg_;
    std::vector<std::byte> scratch_;
};

/// Levels an object of `blocks` data blocks needs with `top` pointers in its dnode.
unsigned levels_for(std::uint64_t blocks, unsigned top, unsigned indirect_shift);

/// Builds the indirect blocks of one object from its data blocks in ascending order.
class IndirectBuilder {
public:
    /// `dnode` has nlevels, nblkptr, indblkshift and type set; add() fills its pointers.
    IndirectBuilder(BlockWriter& writer, const Encoding& how, zfs::DnodePhys& dnode);

    /// Block `index` is at `bp`; those left out are holes.
    void add(std::uint64_t index, const zfs::Blkptr& bp) { add(0, index, bp); }
    /// Writes what is still open. The dnode's pointers and `used` are final after it.
    void finish();

    const Totals& totals() const { return totals_; }
    /// Counts blocks written elsewhere (data blocks).
    void count(const zfs::Blkptr& bp) { totals_.add(bp); }

private:
    struct Level {
        std::vector<std::byte> block;
        std::uint64_t index = ~0ull;
        std::uint64_t fill = 0;
    };
    void add(unsigned level, std::uint64_t index, const zfs::Blkptr& bp);
    void flush(unsigned level);

    BlockWriter& writer_;
    Encoding how_;
    zfs::DnodePhys& dnode_;
    std::vector<Level> levels_; // levels_[l]: the open block whose entries point to level l
    Totals totals_;
};

/// Collects the dnodes of an object set in ascending order and writes it.
class ObjsetWriter {
public:
    ObjsetWriter(BlockWriter& writer, const Encoding& how, zfs::ObjsetType type,
                 unsigned min_levels);

    void put(std::uint64_t object, const zfs::DnodePhys& dnode);
    /// Writes the rest; gives the root pointer.
    zfs::Blkptr finish();

    Totals& totals() { return totals_; }
    std::uint64_t objects() const { return objects_; }

private:
    void flush_block();

    BlockWriter& writer_;
    Encoding how_;
    zfs::ObjsetType type_;
    unsigned min_levels_;
    std::vector<std::byte> block_;
    std::uint64_t block_index_ = 0, in_block_ = 0, objects_ = 0, last_ = 0;
    struct Written {
        std::uint64_t index;
        zfs::Blkptr bp;
    };
    std::vector<Written> written_;
    Totals totals_;
};

/// A dnode with the fields all kinds share.
zfs::DnodePhys make_dnode(zfs::ObjectType type, std::size_t block_size, std::uint64_t blocks,
                          unsigned nblkptr, unsigned indirect_shift);

} // namespace drupe::mkzfs
