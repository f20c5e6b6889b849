// SPDX-License-Identifier: BSD-2-Clause
#include "blocks.h"

#include "failure.h"

#include <drupe/zfs/checksum.h>

#include <algorithm>
#include <cstring>

namespace drupe::mkzfs {

using zfs::Blkptr;
using zfs::Bytes;
using zfs::Compress;
using zfs::DnodePhys;
using zfs::ObjectType;

Encoded encode_block(zfs::Codecs& codecs, const Encoding& how, const Placement& place, Bytes in,
                     zfs::MutableBytes out) {
    std::size_t unit = std::size_t{1} << place.ashift, lsize = in.size();
    Encoded raw{lsize, Compress::off};
    if (how.compress == Compress::off) return raw;
    // OpenZFS's rule: a codec that costs time to decode has to save an eighth. ZLE costs none.
    std::size_t capacity = (lsize - 1) & ~(unit - 1);
    if (how.compress != Compress::zle) capacity = std::min(capacity, lsize - lsize / 8);
    // No whole unit can be saved, but the only one there is can.
    if (place.may_embed) capacity = std::max(capacity, zfs::embedded_payload_size);
    if (capacity == 0) return raw;
    std::size_t n =
        must(compress(codecs, how.compress, how.level, in, out.first(capacity)), "compression");
    if (n == 0) return raw;
    if (place.may_embed && n <= zfs::embedded_payload_size) return {n, how.compress};
    std::size_t psize = zfs::round_up(n, unit);
    if (psize > capacity) return raw;
    std::memset(&out[n], 0, psize - n);
    return {psize, how.compress};
}

std::uint64_t Allocator::allocate(std::uint64_t bytes) {
    bytes = round(bytes);
    std::uint64_t size = std::uint64_t{1} << metaslab_shift_;
    if (next_ >> metaslab_shift_ != (next_ + bytes - 1) >> metaslab_shift_)
        next_ = zfs::round_up(next_, size);
    std::uint64_t at = next_;
    next_ += bytes;
    allocated_ += bytes;
    std::size_t metaslab = at >> metaslab_shift_;
    if (metaslab >= used_.size()) used_.resize(metaslab + 1);
    used_[metaslab] = next_ - (std::uint64_t{metaslab} << metaslab_shift_);
    return at;
}

Blkptr BlockWriter::pointer(const zfs::BlockKind& kind, std::uint64_t offset,
                            const zfs::CksumValue& cksum, std::uint64_t fill) const {
    Blkptr bp{};
    bp.dva[0] = zfs::Dva::make(offset, space_.round(kind.psize));
    bp.prop = blkptr_prop(kind);
    bp.birth = txg_;
    bp.fill = fill;
    bp.cksum = cksum;
    return bp;
}

Blkptr BlockWriter::write(ObjectType type, unsigned level, const Encoding& how, Bytes data,
                          std::uint64_t fill, Totals& totals) {
    scratch_.resize(data.size());
    Placement place{space_.ashift(), zfs::may_be_embedded(type, level)};
    Encoded e = encode_block(codecs_, how, place, data, scratch_);
    if (e.is_embedded()) {
        Blkptr bp = zfs::embedded_blkptr(type, data.size(), e.compress,
                                         Bytes{scratch_}.first(e.psize), txg_);
        totals.add(bp);
        return bp;
    }
    Bytes body = e.compress == Compress::off ? data : Bytes{scratch_.data(), e.psize};
    std::uint64_t offset = space_.allocate(body.size());
    out_.write(zfs::label_start_size + offset, body);
    Blkptr bp = pointer({type, level, data.size(), body.size(), e.compress, how.checksum}, offset,
                        must(checksum_of(how.checksum, body), "checksum"), fill);
    totals.add(bp);
    return bp;
}

unsigned levels_for(std::uint64_t blocks, unsigned top, unsigned indirect_shift) {
    unsigned levels = 1, per = indirect_shift - zfs::blkptr_shift;
    for (std::uint64_t n = blocks; n > top; n = (n + (1ull << per) - 1) >> per) ++levels;
    return levels;
}

DnodePhys make_dnode(ObjectType type, std::size_t block_size, std::uint64_t blocks,
                     unsigned nblkptr, unsigned indirect_shift) {
    DnodePhys d{};
    d.type = type;
    d.indblkshift = static_cast<std::uint8_t>(indirect_shift);
    d.nlevels = static_cast<std::uint8_t>(levels_for(blocks, nblkptr, indirect_shift));
    d.nblkptr = static_cast<std::uint8_t>(nblkptr);
    d.flags = zfs::dnode_flag_used_bytes;
    d.datablkszsec = static_cast<std::uint16_t>(block_size >> zfs::sector_shift);
    d.maxblkid = blocks == 0 ? 0 : blocks - 1;
    return d;
}

IndirectBuilder::IndirectBuilder(BlockWriter& writer, const Encoding& how, DnodePhys& dnode)
    : writer_(writer), how_(how), dnode_(dnode), levels_(dnode.nlevels - 1u) {}

void IndirectBuilder::add(unsigned level, std::uint64_t index, const Blkptr& bp) {
    if (level == dnode_.nlevels - 1u) {
        dnode_.blkptr[index] = bp;
        return;
    }
    unsigned per = dnode_.indblkshift - zfs::blkptr_shift;
    Level& open = levels_[level];
    if (open.index != index >> per) {
        flush(level);
        open.index = index >> per;
        open.fill = 0;
        open.block.assign(std::size_t{1} << dnode_.indblkshift, std::byte{0});
    }
    std::size_t slot = index & ((std::uint64_t{1} << per) - 1);
    zfs::store(&open.block[slot * sizeof(Blkptr)], bp);
    open.fill += bp.fill_count();
}

void IndirectBuilder::flush(unsigned level) {
    Level& open = levels_[level];
    if (open.index == ~0ull) return;
    Blkptr bp = writer_.write(dnode_.type, level + 1, how_, open.block, open.fill, totals_);
    std::uint64_t index = std::exchange(open.index, ~0ull);
    add(level + 1, index, bp);
}

void IndirectBuilder::finish() {
    for (unsigned level = 0; level + 1 < dnode_.nlevels; ++level) flush(level);
    dnode_.used += totals_.asize;
}

ObjsetWriter::ObjsetWriter(BlockWriter& writer, const Encoding& how, zfs::ObjsetType type,
                           unsigned min_levels)
    : writer_(writer), how_(how), type_(type), min_levels_(min_levels),
      block_(zfs::dnode_block_size) {}

void ObjsetWriter::put(std::uint64_t object, const DnodePhys& dnode) {
    if (object <= last_ && objects_ != 0) fail("internal: object {} out of order", object);
    if (object / zfs::dnodes_per_block != block_index_) {
        flush_block();
        block_index_ = object / zfs::dnodes_per_block;
    }
    zfs::store(&block_[object % zfs::dnodes_per_block * zfs::dnode_size], dnode);
    ++in_block_;
    ++objects_;
    last_ = object;
}

void ObjsetWriter::flush_block() {
    if (in_block_ == 0) return;
    Blkptr bp = writer_.write(ObjectType::dnode, 0, how_, block_, in_block_, totals_);
    written_.push_back({block_index_, bp});
    std::fill(block_.begin(), block_.end(), std::byte{0});
    in_block_ = 0;
}

Blkptr ObjsetWriter::finish() {
    flush_block();
    constexpr unsigned indirect_shift = 17, top = 3;
    zfs::ObjsetPhys phys{};
    DnodePhys& meta = phys.meta_dnode;
    meta =
        make_dnode(ObjectType::dnode, zfs::dnode_block_size, block_index_ + 1, top, indirect_shift);
    meta.nlevels = static_cast<std::uint8_t>(std::max<unsigned>(meta.nlevels, min_levels_));
    IndirectBuilder tree{writer_, how_, meta};
    for (const Written& w : written_) {
        tree.add(w.index, w.bp);
        meta.used += w.bp.asize();
    }
    tree.finish();
    totals_ += tree.totals();
    phys.type = type_;
    std::byte block[zfs::objset_phys_size_v2] = {};
    zfs::store(block, phys);
    Encoding plain{Compress::off, 0, how_.checksum};
    return writer_.write(ObjectType::objset, 0, plain, block, objects_, totals_);
}

} // namespace drupe::mkzfs
