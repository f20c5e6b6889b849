// SPDX-License-Identifier: BSD-2-Clause
#include "check_blocks.h"

#include "failure.h"

#include <algorithm>
#include <utility>

namespace drupe::mkzfs {

using zfs::Blkptr;
using zfs::DnodePhys;
using zfs::ObjectType;

namespace {
constexpr unsigned most_gang_depth = 16;    // each level has a third of the bytes
constexpr std::size_t log_chain_size = 184; // zil_chain_t: pad, next pointer, used, self-check
} // namespace

bool RangeSet::add(std::uint64_t begin, std::uint64_t length) {
    std::uint64_t end = begin + length;
    bool fresh = true;
    auto next = ranges_.upper_bound(begin);
    if (next != ranges_.begin()) {
        auto before = std::prev(next);
        if (before->second > begin) fresh = false;
        if (before->second >= begin) {
            begin = before->first;
            end = std::max(end, before->second);
            ranges_.erase(before);
        }
    }
    while (next != ranges_.end() && next->first <= end) {
        if (next->first < end) fresh = false;
        end = std::max(end, next->second);
        next = ranges_.erase(next);
    }
    ranges_.emplace(begin, end);
    return fresh;
}

bool RangeSet::remove(std::uint64_t begin, std::uint64_t length) {
    std::uint64_t end = begin + length;
    auto at = ranges_.upper_bound(begin);
    if (at == ranges_.begin()) return false;
    --at;
    if (at->second < end) return false;
    auto [old_begin, old_end] = *at;
    ranges_.erase(at);
    if (old_begin < begin) ranges_.emplace(old_begin, begin);
    if (end < old_end) ranges_.emplace(end, old_end);
    return true;
}

std::uint64_t RangeSet::total() const {
    std::uint64_t sum = 0;
    for (auto [begin, end] : ranges_) sum += end - begin;
    return sum;
}

// Each copy of a gang header names the same pieces: they are claimed with the first.
void BlockChecker::check_gang(const Blkptr& bp, const zfs::Dva& dva, const std::string& what,
                              bool is_first) {
    Blkptr child[zfs::gang_blkptrs];
    std::span<Blkptr, zfs::gang_blkptrs> out{child};
    if (gang_depth_ == most_gang_depth ||
        !read_gang_header(pool_.reader().source(), bp, dva, out).ok())
        return findings_.error("{}: a gang header is damaged", what);
    if (!is_first) return;
    ++gang_depth_;
    for (const Blkptr& c : child)
        if (!c.is_hole()) claim(c, what);
    --gang_depth_;
}

bool BlockChecker::claim(const Blkptr& bp, const std::string& what) {
    if (bp.is_hole() || bp.is_embedded()) return true;
    bool is_fresh = true, is_first_header = true;
    std::uint64_t end = pool_.facts().asize;
    for (const zfs::Dva& dva : bp.dva) {
        if (!dva.is_valid()) continue;
        std::uint64_t length = dva.is_gang() ? unit_ : dva.asize();
        if (dva.vdev() != 0 || dva.offset() > end || length > end - dva.offset()) {
            findings_.error("{}: a block lies beyond the device", what);
            continue;
        }
        if (dva.offset() % unit_ != 0 || length % unit_ != 0)
            findings_.error("{}: a block lies on no unit of allocation", what);
        if (dva.offset() >> pool_.facts().metaslab_shift !=
            (dva.offset() + length - 1) >> pool_.facts().metaslab_shift)
            findings_.error("{}: a block crosses a metaslab's border", what);
        if (!claimed_.add(dva.offset(), length)) {
            is_fresh = false;
            if (!bp.is_dedup())
                findings_.error("{}: a block at {:#x} is used twice", what, dva.offset());
        } else if (dva.is_gang()) {
            check_gang(bp, dva, what, std::exchange(is_first_header, false));
        }
    }
    return is_fresh;
}

bool BlockChecker::read(const Blkptr& bp, std::vector<std::byte>& out, const std::string& what) {
    if (bp.lsize() > zfs::max_block_size) {
        findings_.error("{}: a block pointer is damaged", what);
        return false;
    }
    out.resize(bp.lsize());
    Result<void> r = pool_.reader().read(bp, out);
    if (!r.ok()) {
        findings_.error("{}: a block of level {} at {:#x} (checksum {}, compression {}) cannot be "
                        "read: {}",
                        what, bp.level(), bp.is_embedded() ? 0 : bp.dva[0].offset(),
                        static_cast<unsigned>(bp.checksum()), static_cast<unsigned>(bp.compress()),
                        words_for(r.error()));
        return false;
    }
    ++findings_.result().blocks;
    findings_.result().bytes += bp.is_embedded() ? 0 : bp.psize();
    return true;
}

// Whether a pointer fits the place it stands in.
void BlockChecker::check_pointer(const Blkptr& bp, const DnodePhys& d, unsigned level,
                                 std::uint64_t index, const std::string& what) {
    std::size_t expected = level == 0 ? d.data_block_size() : std::size_t{1} << d.indblkshift;
    if (bp.lsize() != expected)
        findings_.error("{}: a block has {} bytes, not {}", what, bp.lsize(), expected);
    if (bp.birth > pool_.facts().txg) findings_.error("{}: a block is from the future", what);
    if (level == 0 && index > d.maxblkid)
        findings_.error("{}: block {} is beyond the last", what, index);
}

// Goes through the blocks of one object below `bp`.
BlockChecker::Sum BlockChecker::check_tree(const Blkptr& bp, const DnodePhys& d, unsigned level,
                                           std::uint64_t index, const std::string& what) {
    Sum sum;
    if (bp.is_hole()) {
        if (bp.fill != 0) findings_.error("{}: a hole has a fill count", what);
        return sum;
    }
    sum.fill = bp.fill_count();
    sum.asize = bp.asize();
    if (bp.level() != level || bp.type() != d.type) {
        findings_.error("{}: a block says it is of level {} and type {}, not {} and {}", what,
                        bp.level(), static_cast<unsigned>(bp.type()), level,
                        static_cast<unsigned>(d.type));
        return sum;
    }
    check_pointer(bp, d, level, index, what);
    bool is_used_elsewhere = is_new(bp) && !claim(bp, what) && !bp.is_dedup();
    if (level > 0) {
        Sum below = check_indirect(bp, d, index, what);
        if (below.fill != sum.fill)
            findings_.error("{}: an indirect block has fill count {}, not {}", what, sum.fill,
                            below.fill);
        sum.asize += below.asize;
        return sum;
    }
    std::vector<std::byte> block;
    if (!is_new(bp) || is_used_elsewhere || !read(bp, block, what)) return sum;
    std::uint64_t fill = 1;
    if (d.type == ObjectType::dnode)
        fill = check_dnode_block(block, index * (d.data_block_size() / zfs::dnode_size), what);
    if (fill != sum.fill)
        findings_.error("{}: block {} has fill count {}, not {}", what, index, sum.fill, fill);
    return sum;
}

BlockChecker::Sum BlockChecker::check_indirect(const Blkptr& bp, const DnodePhys& d,
                                               std::uint64_t index, const std::string& what) {
    Sum below;
    std::vector<std::byte> block;
    if (bp.is_embedded())
        return findings_.error("{}: an indirect block in its pointer", what), below;
    auto [known, is_first] = indirect_.try_emplace(bp.dva[0].offset());
    if (!is_first && (known->second.was_new || !is_new(bp))) return known->second.below;
    known->second.was_new = is_new(bp);
    if (!read(bp, block, what)) return below;
    unsigned per = d.indblkshift - zfs::blkptr_shift;
    std::size_t count = std::min(block.size() / sizeof(Blkptr), std::size_t{1} << per);
    for (std::uint64_t i = 0; i < count; ++i) {
        auto child = zfs::load<Blkptr>(&block[i * sizeof(Blkptr)]);
        Sum s = check_tree(child, d, bp.level() - 1, index << per | i, what);
        below.fill += s.fill;
        below.asize += s.asize;
        if (!child.is_hole() && child.birth > bp.birth)
            findings_.error("{}: a block is younger than what points to it", what);
    }
    indirect_[bp.dva[0].offset()].below = below;
    return below;
}

void BlockChecker::check_dnode(zfs::Bytes raw, const std::string& what) {
    auto d = zfs::load<DnodePhys>(raw.data());
    if (!zfs::is_plausible(d)) return findings_.error("{}: its dnode is damaged", what);
    Sum all;
    for (unsigned i = 0; i < d.nblkptr; ++i) {
        Sum s = check_tree(d.blkptr[i], d, d.nlevels - 1u, i, what);
        all.fill += s.fill;
        all.asize += s.asize;
    }
    if ((d.flags & zfs::dnode_flag_spill_blkptr) != 0) {
        std::size_t size = (std::size_t{d.extra_slots} + 1) * zfs::dnode_size;
        auto bp = zfs::load<Blkptr>(&raw[size - sizeof(Blkptr)]);
        std::vector<std::byte> block;
        if (bp.is_hole())
            findings_.error("{}: its spill block is a hole", what);
        else if (bp.type() != ObjectType::sa || bp.level() != 0)
            findings_.error("{}: its spill block is of another type", what);
        else if (is_new(bp)) {
            claim(bp, what);
            read(bp, block, what);
            if (bp.fill_count() != 1)
                findings_.error("{}: its spill block has fill count {}", what, bp.fill_count());
        }
        all.asize += bp.asize();
    }
    std::uint64_t used =
        (d.flags & zfs::dnode_flag_used_bytes) != 0 ? d.used : d.used << zfs::sector_shift;
    if (used != all.asize)
        findings_.error("{}: its dnode counts {} bytes, its blocks have {}", what, used, all.asize);
}

// Gives the number of dnodes in use.
std::uint64_t BlockChecker::check_dnode_block(zfs::Bytes block, std::uint64_t first,
                                              const std::string& what) {
    std::uint64_t in_use = 0;
    for (std::size_t slot = 0; slot * zfs::dnode_size < block.size();) {
        zfs::Bytes raw = block.subspan(slot * zfs::dnode_size);
        auto d = zfs::load<DnodePhys>(raw.data());
        if (d.type == ObjectType::none) {
            ++slot;
            continue;
        }
        std::string name = fmt::format("{} object {}", what, first + slot);
        std::size_t slots = std::size_t{d.extra_slots} + 1;
        if (slots * zfs::dnode_size > raw.size()) {
            findings_.error("{}: its dnode leaves its block", name);
            return in_use;
        }
        check_dnode(raw, name);
        ++findings_.result().objects;
        ++in_use;
        slot += slots;
    }
    return in_use;
}

void BlockChecker::check_objset(const Blkptr& root, std::uint64_t after, const std::string& what) {
    after_ = after;
    if (root.is_hole() || !is_new(root)) return;
    claim(root, what);
    std::vector<std::byte> block;
    if (!read(root, block, what)) return;
    if (block.size() < zfs::objset_phys_size_v1) return findings_.error("{}: it is damaged", what);
    auto phys = zfs::load<zfs::ObjsetPhys>(block.data());
    std::uint64_t fill = 0;
    for (const Blkptr& bp : phys.meta_dnode.blkptr) fill += bp.fill_count();
    check_dnode(block, what);
    if (fill != root.fill)
        findings_.error("{}: its fill count is {}, its objects are {}", what, root.fill, fill);
    for (std::size_t at = zfs::objset_phys_size_v1; at + zfs::dnode_size <= block.size();
         at += zfs::dnode_size) {
        zfs::Bytes raw = zfs::Bytes{block}.subspan(at, zfs::dnode_size);
        if (raw[0] != std::byte{0}) check_dnode(raw, what + " accounting object");
    }
    claim_log(phys.zil_header.log, what + " intent log");
}

// A log block is checked by the sequence number in its pointer; whatever no longer fits it is from
// an earlier life of the place and ends the chain.
void BlockChecker::claim_log(const Blkptr& first, const std::string& what) {
    if (first.is_hole()) return;
    findings_.note(what + " is not empty; its records are not looked at");
    Blkptr bp = first;
    while (!bp.is_hole()) {
        std::vector<std::byte> block(bp.lsize());
        if (bp.compress() != zfs::Compress::off || block.size() < log_chain_size || bp.is_gang() ||
            !bp.dva[0].is_valid() ||
            !pool_.reader().source().read(zfs::label_start_size + bp.dva[0].offset(), block).ok())
            return;
        bool is_new_form = bp.checksum() == zfs::Checksum::zilog2;
        if (!is_new_form && bp.checksum() != zfs::Checksum::zilog) return;
        if (!claim(bp, what)) return;
        std::size_t next = is_new_form ? 8 : block.size() - log_chain_size + 8;
        bp = zfs::load<Blkptr>(&block[next]);
        if (bp.lsize() > zfs::max_block_size || bp.dva[0].vdev() != 0) return;
    }
}

} // namespace drupe::mkzfs
