// SPDX-License-Identifier: BSD-2-Clause
// The tree of regions: finding, cutting, joining. The caller holds the space's lock.
#include "space_parts.h"

#include <algorithm>

namespace drupe::mm {

Region* AddressSpace::first_above(VirtAddr at) const {
    Region* found = nullptr;
    for (Region* r = regions_.root(); r;) {
        if (r->end > at) {
            found = r;
            if (r->begin <= at) break;
            r = RegionTree::left(*r);
        } else {
            r = RegionTree::right(*r);
        }
    }
    return found;
}

Region* AddressSpace::find(VirtAddr at) {
    if (last_ && last_->contains(at)) return last_;
    Region* r = first_above(at);
    if (!r || !r->contains(at)) return nullptr;
    last_ = r;
    return r;
}

void AddressSpace::account(const Region& region, std::int64_t sign) {
    if (sign < 0) most_mapped_ = std::max(most_mapped_, mapped_);
    const std::size_t pages = static_cast<std::size_t>(sign) * region.pages().n;
    mapped_ += pages;
    if (region.sharing == Sharing::private_copy && has(region.perm, arch::Perm::write))
        data_ += pages;
    if (region.grows_down) stack_ += pages;
    if (region.locked != Locked::no) locked_ += pages;
}

void AddressSpace::insert(Region& region) {
    Region* parent = nullptr;
    auto side = RegionTree::left_side;
    for (Region* r = regions_.root(); r;) {
        parent = r;
        side = region.begin < r->begin ? RegionTree::left_side : RegionTree::right_side;
        r = side == RegionTree::left_side ? RegionTree::left(*r) : RegionTree::right(*r);
    }
    regions_.link(region, parent, side);
    region.space = this;
    region_count_++;
    account(region, 1);
    if (region.is_counted) region.file->attach();
    if (region.object) {
        SpinGuard guard(region.object->pages_lock_);
        region.object->attach(region);
    }
}

void AddressSpace::take_out(Region& region, Doomed& doomed) {
    if (region.object) {
        SpinGuard guard(region.object->pages_lock_);
        region.object->detach(region);
    }
    regions_.remove(region);
    region_count_--;
    account(region, -1);
    if (last_ == &region) last_ = nullptr;
    doomed.add(region);
}

// The object's page at `begin` follows a front that moves.
void AddressSpace::set_bounds(Region& region, VirtAddr begin, VirtAddr end) {
    account(region, -1);
    auto change = [&] {
        if (region.object) region.first_page += (begin - region.begin) >> page_shift;
        region.begin = begin;
        region.end = end;
    };
    if (region.object) {
        SpinGuard guard(region.object->pages_lock_);
        change();
    } else {
        change();
    }
    account(region, 1);
    regions_.update(region);
}

// Cuts `region` in two at `at`, which lies inside; a new one takes the upper part.
void AddressSpace::split(Region& region, VirtAddr at, Spares& spares) {
    Region& upper = spares.take();
    upper.begin = at;
    upper.end = region.end;
    upper.copy_kind(region);
    upper.first_page = region.object ? region.page_index(at) : 0;
    // Only the lowest part of a stack may grow.
    set_bounds(region, region.begin, at);
    insert(upper);
}

bool AddressSpace::absorb(Region& left, Region& right, Doomed& doomed) {
    if (!left.continues_as(right)) return false;
    const VirtAddr end = right.end;
    take_out(right, doomed);
    set_bounds(left, left.begin, end);
    return true;
}

// Joins what has become alike at both ends of [from, to) and inside.
void AddressSpace::merge_around(VirtAddr from, VirtAddr to, Doomed& doomed) {
    Region* r = raw(from) == 0 ? regions_.first() : first_above(from - 1);
    while (r && r->begin <= to) {
        Region* next = RegionTree::next(*r);
        if (!next || next->begin > to) return;
        if (!absorb(*r, *next, doomed)) r = next;
    }
}

bool AddressSpace::is_free(VirtAddr at, std::uint64_t bytes) const {
    const Region* above = first_above(at);
    return !above || above->begin >= at + bytes;
}

// The highest gap of `bytes` below `below`; 0 when there is none.
VirtAddr AddressSpace::find_room(std::uint64_t bytes, VirtAddr below) const {
    const VirtAddr none{0};
    // Down from `ceiling`: the gap right below it, then the left neighbours. A subtree without a
    // large enough gap is passed over as a whole.
    struct Search {
        std::uint64_t bytes;
        VirtAddr ceiling; // nothing between here and the last region passed
        static bool can_fit(const Region& subtree, std::uint64_t bytes, VirtAddr ceiling) {
            return subtree.largest_gap >= bytes ||
                   (subtree.high < ceiling && ceiling - subtree.high >= bytes);
        }
        // The result, or 0 with the ceiling lowered to the subtree's low end.
        VirtAddr run(const Region* r) {
            if (!r || r->low >= ceiling) return VirtAddr{0};
            if (!can_fit(*r, bytes, ceiling)) {
                ceiling = r->low;
                return VirtAddr{0};
            }
            if (const VirtAddr found = run(RegionTree::right(*r)); raw(found) != 0) return found;
            if (r->end < ceiling && ceiling - r->end >= bytes) return ceiling - bytes;
            if (r->begin < ceiling) ceiling = r->begin;
            return run(RegionTree::left(*r));
        }
    } search{bytes, below};
    if (const VirtAddr found = search.run(regions_.root()); raw(found) != 0) return found;
    if (search.ceiling >= user_begin && search.ceiling - user_begin >= bytes)
        return search.ceiling - bytes;
    return none;
}

// For split() at both ends of [at, end).
Result<void> AddressSpace::reserve_splits(VirtAddr at, VirtAddr end, Spares& spares) {
    std::size_t splits = 0;
    const Region* first = first_above(at);
    if (first && first->begin < at) splits++;
    const Region* last = first_above(end);
    if (last && last->begin < end) splits++;
    if (region_count_ + splits > max_regions) return Errc::no_memory;
    while (splits-- > 0) TRY(spares.add());
    return {};
}

} // namespace drupe::mm
