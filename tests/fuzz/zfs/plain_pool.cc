// SPDX-License-Identifier: BSD-2-Clause
#include "plain_pool.h"

#include "../target.h"

#include <drupe/zfs/pool.h>

#include <algorithm>
#include <cstddef>

namespace drupe::fuzz {

using zfs::Blkptr;
using zfs::ObjectType;

namespace {

constexpr std::size_t uberblock_at = zfs::label_uberblocks_offset;
constexpr std::size_t uberblock_slot = 1024; // of a device with ashift 9
constexpr std::size_t root_pointer_at = uberblock_at + offsetof(zfs::Uberblock, rootbp);

// The pointer to a copy of what `old` points to: one place, nothing compressed.
Blkptr plain_pointer(const Blkptr& old, std::size_t begin, zfs::Bytes content) {
    Blkptr bp{};
    bp.dva[0] = zfs::Dva::make(begin - zfs::label_start_size, content.size());
    bp.prop = zfs::blkptr_prop({old.type(), old.level(), content.size(), content.size(),
                                zfs::Compress::off, zfs::Checksum::fletcher_4});
    bp.birth = old.birth;
    bp.fill = old.fill_count();
    bp.cksum = zfs::fletcher_4(content);
    return bp;
}

} // namespace

PlainPool::PlainPool(zfs::BlockSource& image, zfs::Codecs& codecs)
    : reader_(image, codecs), device_size_(image.size()), area_(zfs::label_start_size) {
    zfs::Refusal why;
    auto pool = zfs::Pool::open(reader_, why);
    FUZZ_CHECK(pool.ok() && pool.value().facts().ashift == 9);
    FUZZ_CHECK(image.read(0, zfs::MutableBytes{area_}.first(uberblock_at)).ok());
    zfs::Uberblock ub = pool.value().uberblock();
    std::size_t root = add(ub.rootbp);
    const Block& b = blocks_[root];
    ub.rootbp = plain_pointer(ub.rootbp, b.begin, zfs::Bytes{area_}.subspan(b.begin, b.size));
    zfs::store(&area_[uberblock_at], ub);
    blocks_[root].pointers.push_back(root_pointer_at);
    seal_label();
    for (const Block& block : blocks_)
        pointers_.insert(pointers_.end(), block.pointers.begin(), block.pointers.end());
    std::sort(pointers_.begin(), pointers_.end());
    find_words();
}

std::size_t PlainPool::add(const Blkptr& bp) {
    auto known = known_.find(bp.dva[0].offset());
    if (!bp.is_embedded() && known != known_.end()) return known->second;
    Content content(bp.lsize());
    FUZZ_CHECK(reader_.read(bp, content).ok());
    std::vector<Found> found;
    add_children(bp, content, found);
    Block b;
    b.begin = area_.size();
    b.size = content.size();
    b.is_content = bp.type() == ObjectType::plain_file_contents && bp.level() == 0;
    b.is_dnodes = bp.type() == ObjectType::dnode && bp.level() == 0;
    area_.insert(area_.end(), content.begin(), content.end());
    blocks_.push_back(b);
    for (const Found& f : found) blocks_[f.child].pointers.push_back(b.begin + f.offset);
    if (!bp.is_embedded()) known_.emplace(bp.dva[0].offset(), blocks_.size() - 1);
    return blocks_.size() - 1;
}

void PlainPool::add_children(const Blkptr& bp, Content& content, std::vector<Found>& found) {
    if (bp.level() > 0) {
        for (std::size_t at = 0; at < content.size(); at += sizeof bp)
            add_pointer(content, at, found);
    } else if (bp.type() == ObjectType::dnode) {
        for (std::size_t at = 0; at < content.size(); at += zfs::dnode_size)
            add_dnode(content, at, found);
    } else if (bp.type() == ObjectType::objset) {
        add_dnode(content, 0, found);
        for (std::size_t at = zfs::objset_phys_size_v1; at < content.size(); at += zfs::dnode_size)
            add_dnode(content, at, found);
    }
}

void PlainPool::add_dnode(Content& content, std::size_t at, std::vector<Found>& found) {
    auto d = zfs::load<zfs::DnodePhys>(&content[at]);
    if (d.type == ObjectType::none) return;
    for (std::size_t i = 0; i < d.nblkptr; ++i)
        add_pointer(content, at + offsetof(zfs::DnodePhys, blkptr) + i * sizeof(Blkptr), found);
    if ((d.flags & zfs::dnode_flag_spill_blkptr) != 0)
        add_pointer(content, at + zfs::dnode_size - sizeof(Blkptr), found);
    if (d.bonustype == ObjectType::dsl_dataset)
        add_pointer(content,
                    at + zfs::dnode_core_size + d.nblkptr * sizeof(Blkptr) +
                        offsetof(zfs::DslDatasetPhys, bp),
                    found);
}

void PlainPool::add_pointer(Content& content, std::size_t at, std::vector<Found>& found) {
    auto bp = zfs::load<Blkptr>(&content[at]);
    if (bp.is_hole()) return;
    std::size_t child = add(bp);
    const Block& b = blocks_[child];
    zfs::store(&content[at],
               plain_pointer(bp, b.begin, zfs::Bytes{area_}.subspan(b.begin, b.size)));
    found.push_back({at, child});
}

void PlainPool::find_words() {
    auto add_words = [&](std::size_t begin, std::size_t end) {
        for (std::size_t at = begin; at < end; at += 8)
            if (word(at) != 0) words_.push_back(at);
    };
    add_words(zfs::label_nvlist_offset, uberblock_at - sizeof(zfs::EmbeddedCksum));
    add_words(uberblock_at, uberblock_at + sizeof(zfs::Uberblock));
    for (const Block& b : blocks_) {
        if (!b.is_content) add_words(b.begin, b.begin + b.size);
        if (!b.is_dnodes) continue;
        for (std::size_t at = b.begin; at < b.begin + b.size; at += 8)
            if (area_[at & ~(zfs::dnode_size - 1)] != std::byte{0}) dnode_words_.push_back(at);
    }
}

PlainPool::Block* PlainPool::block_of(std::size_t at) {
    auto after = std::upper_bound(blocks_.begin(), blocks_.end(), at,
                                  [](std::size_t a, const Block& b) { return a < b.begin; });
    return after == blocks_.begin() ? nullptr : &*std::prev(after);
}

void PlainPool::change(std::size_t at, std::uint64_t value) {
    journal_.emplace_back(at, word(at));
    is_label_changed_ = is_label_changed_ || at < uberblock_at;
    zfs::store_le(&area_[at], value);
    for (std::size_t end : {at, at + 7}) // it may lie in two
        if (Block* b = block_of(end)) b->is_dirty = true;
}

// Writes the checksum of whatever the pointer leads to now.
void PlainPool::set_checksum(std::size_t pointer) {
    auto bp = zfs::load<Blkptr>(&area_[pointer]);
    if (bp.is_hole() || bp.is_embedded()) return;
    std::uint64_t at = zfs::label_start_size + bp.dva[0].offset();
    if (at >= area_.size() || bp.psize() > area_.size() - at) return;
    auto cksum = zfs::checksum_of(bp.checksum(), zfs::Bytes{area_}.subspan(at, bp.psize()));
    if (!cksum.ok()) return;
    for (std::size_t i = 0; i < 4; ++i)
        change(pointer + offsetof(Blkptr, cksum) + 8 * i, cksum.value().word[i]);
}

void PlainPool::repair() {
    std::vector<std::size_t> changed; // pointers that were changed themselves
    for (auto [at, old] : journal_) {
        auto next = std::upper_bound(pointers_.begin(), pointers_.end(), at);
        if (next != pointers_.begin() && at - *std::prev(next) < sizeof(Blkptr))
            changed.push_back(*std::prev(next));
    }
    for (Block& b : blocks_) {
        if (!b.is_dirty) continue;
        b.is_dirty = false;
        for (std::size_t p : changed)
            if (p >= b.begin && p - b.begin < b.size) set_checksum(p);
        for (std::size_t p : b.pointers) set_checksum(p);
        b.is_dirty = false;
    }
    set_checksum(root_pointer_at);
    seal_label();
}

void PlainPool::undo() {
    for (auto j = journal_.rbegin(); j != journal_.rend(); ++j)
        zfs::store_le(&area_[j->first], j->second);
    journal_.clear();
    for (Block& b : blocks_) b.is_dirty = false;
    seal_label();
    is_label_changed_ = false;
    reads_ = 0;
}

void PlainPool::seal_label() {
    zfs::MutableBytes all{area_};
    if (is_label_changed_)
        seal(all.subspan(zfs::label_nvlist_offset, zfs::label_nvlist_size),
             zfs::offset_verifier(zfs::label_nvlist_offset));
    seal(all.subspan(uberblock_at, uberblock_slot), zfs::offset_verifier(uberblock_at));
}

Result<void> PlainPool::read(std::uint64_t offset, zfs::MutableBytes out) {
    ++reads_;
    if (offset > device_size_ || out.size() > device_size_ - offset) return Errc::io;
    std::size_t there = offset < area_.size() ? std::min(out.size(), area_.size() - offset) : 0;
    std::copy_n(area_.begin() + static_cast<std::ptrdiff_t>(offset), there, out.begin());
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(there), out.end(), std::byte{0});
    return {};
}

} // namespace drupe::fuzz
