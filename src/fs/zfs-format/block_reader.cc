// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/object.h>

namespace drupe::zfs {

namespace {

constexpr unsigned max_gang_depth = 4;

// Whether the lengths and codes of a pointer can be those of a block at all.
bool is_plausible(const Blkptr& bp) {
    if (bp.lsize() > max_block_size || bp.compress() >= Compress::count_) return false;
    if (bp.is_embedded()) return bp.psize() <= embedded_payload_size;
    return bp.psize() <= bp.lsize() && bp.checksum() < Checksum::count_;
}

} // namespace

Result<void> BlockReader::read_raw(const Dva& dva, MutableBytes out) {
    std::uint64_t size = source_->size(), offset = dva.offset();
    if (dva.vdev() != 0) return Errc::corrupt;
    if (size < label_start_size || offset > size - label_start_size ||
        out.size() > size - label_start_size - offset)
        return Errc::corrupt;
    return source_->read(label_start_size + offset, out);
}

Result<void> read_gang_header(BlockSource& source, const Blkptr& bp, const Dva& dva,
                              std::span<Blkptr, gang_blkptrs> out) {
    std::byte header[gang_header_size];
    TRY(source.read(label_start_size + dva.offset(), header));
    const Dva& first = bp.dva[0]; // the identity of a block is its first copy
    CksumValue verifier{{first.vdev(), first.offset(), bp.physical_birth(), 0}};
    if (!is_sealed(header, verifier)) return Errc::corrupt;
    for (std::size_t i = 0; i < gang_blkptrs; ++i)
        out[i] = load<Blkptr>(header + i * sizeof(Blkptr));
    return {};
}

Result<void> BlockReader::read_gang(const Blkptr& bp, const Dva& dva, MutableBytes out,
                                    unsigned depth) {
    if (depth > max_gang_depth || dva.vdev() != 0) return Errc::corrupt;
    Blkptr child[gang_blkptrs];
    TRY(read_gang_header(*source_, bp, dva, std::span<Blkptr, gang_blkptrs>{child}));
    std::size_t done = 0;
    for (const Blkptr& c : child) {
        if (c.is_hole()) continue;
        std::size_t n = c.psize();
        if (c.is_embedded() || n > out.size() - done) return Errc::corrupt;
        MutableBytes part = out.subspan(done, n);
        if (c.is_gang()) {
            TRY(read_gang(c, c.dva[0], part, depth + 1));
        } else {
            TRY(read_raw(c.dva[0], part));
            if (c.checksum() != Checksum::off && TRY(checksum_of(c.checksum(), part)) != c.cksum)
                return Errc::corrupt;
        }
        done += n;
    }
    if (done != out.size()) return Errc::corrupt;
    return {};
}

// Reads the psize bytes of one copy into `out` and verifies them.
Result<void> BlockReader::read_copy(const Blkptr& bp, unsigned copy, MutableBytes out) {
    const Dva& dva = bp.dva[copy];
    if (dva.is_gang())
        TRY(read_gang(bp, dva, out, 0));
    else
        TRY(read_raw(dva, out));
    if (bp.checksum() == Checksum::off) return {};
    return TRY(checksum_of(bp.checksum(), out)) == bp.cksum ? Result<void>{} : Errc::corrupt;
}

Result<void> BlockReader::read(const Blkptr& bp, MutableBytes out) {
    if (bp.is_hole()) {
        std::memset(out.data(), 0, out.size());
        return {};
    }
    if (!is_plausible(bp) || bp.lsize() != out.size()) return Errc::corrupt;
    if (!bp.is_little_endian() || bp.is_protected()) return Errc::not_supported;
    if (bp.is_embedded()) {
        if (bp.embedded_type() != 0) return Errc::not_supported;
        std::byte payload[embedded_payload_size];
        embedded_payload(bp, payload);
        return decompress(*codecs_, bp.compress(), {payload, bp.psize()}, out);
    }
    MutableBytes raw = out;
    if (bp.compress() != Compress::off) {
        TRY(scratch_.resize(bp.psize()));
        raw = scratch_.span();
    } else if (bp.psize() != bp.lsize()) {
        return Errc::corrupt;
    }
    Errc why = Errc::corrupt;
    for (unsigned copy = 0; copy < 3; ++copy) {
        if (!bp.dva[copy].is_valid()) continue;
        Result<void> read = read_copy(bp, copy, raw);
        if (read.ok()) {
            if (bp.compress() == Compress::off) return {};
            return decompress(*codecs_, bp.compress(), raw, out);
        }
        why = read.error();
    }
    return why;
}

} // namespace drupe::zfs
