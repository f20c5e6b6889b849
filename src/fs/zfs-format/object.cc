// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/object.h>

namespace drupe::zfs {

bool is_plausible(const DnodePhys& d) {
    if (d.nlevels == 0 || d.nlevels > 16 || d.nblkptr == 0 || d.nblkptr > 3) return false;
    // A dnode may be larger than its first slot, but only for the sake of the bonus buffer.
    std::size_t tail = (std::size_t{d.extra_slots} + 1) * dnode_size - dnode_core_size;
    std::size_t used = d.nblkptr * sizeof(Blkptr) + d.bonuslen;
    if ((d.flags & dnode_flag_spill_blkptr) != 0) used += sizeof(Blkptr);
    if (d.bonuslen != 0 && used > tail) return false;
    if (d.datablkszsec == 0 || d.data_block_size() > max_block_size) return false;
    if (d.nlevels > 1 && (d.indblkshift < 8 || d.indblkshift > 24)) return false;
    return d.extra_slots < dnode_max_size / dnode_size;
}

Result<Object> Object::open(BlockReader& reader, Bytes dnode) {
    DRUPE_ASSERT(dnode.size() >= dnode_size);
    Object o;
    o.state_ = TRY(make_own<State>());
    State& s = *o.state_;
    s.reader = &reader;
    s.dnode = load<DnodePhys>(dnode.data());
    if (!is_plausible(s.dnode)) return Errc::corrupt;
    std::size_t size = (std::size_t{s.dnode.extra_slots} + 1) * dnode_size;
    if (size > dnode.size()) return Errc::corrupt;
    std::size_t at = dnode_core_size + s.dnode.nblkptr * sizeof(Blkptr);
    if (s.dnode.bonuslen != 0) TRY(s.bonus.append(dnode.subspan(at, s.dnode.bonuslen)));
    if (o.has_spill()) s.spill = load<Blkptr>(&dnode[size - sizeof(Blkptr)]);
    return o;
}

// The pointer to block `index` of `level`: in the dnode itself at the top, else in a block of the
// level above, which stays loaded until another is needed.
Result<const Blkptr*> Object::pointer_at(unsigned level, std::uint64_t index) {
    static constexpr Blkptr hole{};
    if (level == state_->dnode.nlevels - 1u) {
        if (index >= state_->dnode.nblkptr) return &hole;
        return &state_->dnode.blkptr[index];
    }
    unsigned shift = state_->dnode.indblkshift - blkptr_shift;
    Level& above = state_->levels[level + 1];
    std::uint64_t wanted = shift >= 64 ? 0 : index >> shift;
    if (above.index != wanted) {
        const Blkptr bp = *TRY(pointer_at(level + 1, wanted));
        above.index = ~0ull;
        std::size_t size = std::size_t{1} << state_->dnode.indblkshift;
        TRY(above.block.resize(size));
        if (!bp.is_hole() && (bp.level() != level + 1 || bp.type() != state_->dnode.type))
            return Errc::corrupt;
        TRY(state_->reader->read(bp, above.block.span()));
        above.index = wanted;
    }
    return reinterpret_cast<const Blkptr*>(above.block.data()) +
           (index & ((std::uint64_t{1} << shift) - 1));
}

Result<Blkptr> Object::pointer(std::uint64_t index) {
    if (index > state_->dnode.maxblkid) return Blkptr{};
    Blkptr bp = *TRY(pointer_at(0, index));
    if (!bp.is_hole() && (bp.level() != 0 || bp.type() != state_->dnode.type)) return Errc::corrupt;
    return bp;
}

Result<std::uint64_t> Object::next_data(std::uint64_t index) {
    const unsigned top = state_->dnode.nlevels - 1u;
    const unsigned top_shift = top * (state_->dnode.indblkshift - blkptr_shift);
    while (index <= state_->dnode.maxblkid) {
        // What the dnode's pointers do not reach has no data, whatever maxblkid says.
        if (top_shift < 64 && index >> top_shift >= state_->dnode.nblkptr) break;
        // Whole subtrees are skipped at the highest level where they are holes.
        unsigned level = 0;
        bool hole = false;
        for (unsigned l = top;; --l) {
            unsigned shift = l * (state_->dnode.indblkshift - blkptr_shift);
            hole = TRY(pointer_at(l, shift >= 64 ? 0 : index >> shift))->is_hole();
            level = l;
            if (hole || l == 0) break;
        }
        if (!hole) return index;
        unsigned shift = level * (state_->dnode.indblkshift - blkptr_shift);
        if (shift >= 63) break;
        std::uint64_t step = std::uint64_t{1} << shift;
        std::uint64_t next = (index & ~(step - 1)) + step;
        if (next <= index) break;
        index = next;
    }
    return block_count();
}

Result<Bytes> Object::block(std::uint64_t index) {
    Level& data = state_->levels[0];
    if (data.index != index) {
        Blkptr bp = TRY(pointer(index));
        data.index = ~0ull;
        TRY(data.block.resize(block_size()));
        TRY(state_->reader->read(bp, data.block.span()));
        data.index = index;
    }
    return Bytes{data.block.span()};
}

Result<void> Object::read(std::uint64_t offset, MutableBytes out) {
    std::size_t size = block_size();
    while (!out.empty()) {
        std::uint64_t index = offset / size;
        std::size_t within = offset % size;
        std::size_t n = out.size() < size - within ? out.size() : size - within;
        if (index > state_->dnode.maxblkid) {
            std::memset(out.data(), 0, out.size());
            return {};
        }
        if (within == 0 && n == size && state_->levels[0].index != index) {
            Blkptr bp = TRY(pointer(index)); // a whole block needs no copy
            TRY(state_->reader->read(bp, out.first(n)));
        } else {
            Bytes b = TRY(block(index));
            std::memcpy(out.data(), &b[within], n);
        }
        out = out.subspan(n);
        offset += n;
    }
    return {};
}

Result<Objset> Objset::open(BlockReader& reader, const Blkptr& root) {
    std::size_t size = root.lsize();
    bool known =
        size == objset_phys_size_v1 || size == objset_phys_size_v2 || size == objset_phys_size_v3;
    if (root.is_hole() || !known || root.type() != ObjectType::objset) return Errc::corrupt;
    Objset o;
    o.reader_ = &reader;
    TRY(o.raw_.resize(size));
    TRY(reader.read(root, o.raw_.span()));
    o.meta_ = TRY(Object::open(reader, o.raw_.span().first(dnode_size)));
    if (o.meta_.phys().type != ObjectType::dnode || o.meta_.block_size() % dnode_size != 0)
        return Errc::corrupt;
    return o;
}

Result<Object> Objset::object(std::uint64_t number) {
    std::size_t per_block = meta_.block_size() / dnode_size;
    if (number == 0 || number / per_block >= meta_.block_count()) return Errc::not_found;
    Bytes b = TRY(meta_.block(number / per_block));
    Bytes dnode = b.subspan(number % per_block * dnode_size);
    if (dnode[0] == std::byte{0}) return Errc::not_found;
    return Object::open(*reader_, dnode);
}

Result<std::uint64_t> Objset::next(std::uint64_t number) {
    std::size_t per_block = meta_.block_size() / dnode_size;
    for (++number; number / per_block < meta_.block_count();) {
        std::uint64_t index = number / per_block;
        std::uint64_t data = TRY(meta_.next_data(index));
        if (data != index) {
            number = data * per_block;
            continue;
        }
        Bytes b = TRY(meta_.block(index));
        // A dnode of several slots is stepped over, for its later slots hold anything. To know
        // where one begins, the block is walked from its start.
        std::size_t slot = 0;
        while (slot < per_block) {
            const std::byte* d = &b[slot * dnode_size];
            if (index * per_block + slot >= number && d[0] != std::byte{0})
                return index * per_block + slot;
            slot += d[0] != std::byte{0} ? static_cast<std::size_t>(d[12]) + 1 : 1;
        }
        number = (index + 1) * per_block;
    }
    return Errc::not_found;
}

Result<Object> Objset::accounting(unsigned index) {
    std::size_t at = objset_phys_size_v1 + index * dnode_size;
    if (at + dnode_size > raw_.size() || raw_[at] == std::byte{0}) return Errc::not_found;
    return Object::open(*reader_, raw_.span().subspan(at, dnode_size));
}

} // namespace drupe::zfs
