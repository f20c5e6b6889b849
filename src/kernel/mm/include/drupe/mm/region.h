// SPDX-License-Identifier: BSD-2-Clause
// A region: consecutive user pages that are treated alike. Part of one AddressSpace.
#pragma once

#include <drupe/arch/page_table_types.h>
#include <drupe/base/ref_ptr.h>
#include <drupe/base/tree.h>
#include <drupe/base/units.h>
#include <drupe/mm/mapped_file.h>
#include <drupe/mm/vm_object.h>

#include <cstdint>

namespace drupe::mm {

class AddressSpace;

enum class Sharing : std::uint8_t { private_copy, shared };
/// What a fork's copy gets of a region: a copy, nothing, or fresh zeros.
enum class AtFork : std::uint8_t { copy, skip, wipe };
/// Is it locked in memory (mlock), and are its pages brought in for that at once?
enum class Locked : std::uint8_t { no, yes, on_fault };

class Region {
public:
    TreeHook hook;
    // Neighbours in the object's chain. The bounds of a region in a chain change under its lock.
    Region* prev_of_object = nullptr;
    Region* next_of_object = nullptr;

    VirtAddr begin{}, end{};
    // Of the subtree, for the search for a gap.
    VirtAddr low{}, high{};
    std::uint64_t largest_gap = 0;

    AddressSpace* space = nullptr;
    RefPtr<VmObject> object; // null: anonymous, private
    RefPtr<MappedFile> file; // whose pages these are; null: nobody's
    std::uint64_t first_page = 0;
    arch::Perm perm = arch::Perm::none;
    arch::Perm may = arch::Perm::none;
    Sharing sharing = Sharing::private_copy;
    bool grows_down = false;
    bool no_reserve = false;
    bool is_counted = false;   // its file is told of it: attach, detach
    bool tells_writes = false; // shared; its file is told when a page is first written
    AtFork at_fork = AtFork::copy;
    Locked locked = Locked::no;
    bool is_dumped = true; // in core files

    /// May its pages be entered writable when nobody wrote to them yet?
    bool is_writable_early() const { return sharing == Sharing::shared && !tells_writes; }
    PageCount pages() const { return {(end - begin) >> page_shift}; }
    bool contains(VirtAddr at) const { return at >= begin && at < end; }
    std::uint64_t page_index(VirtAddr at) const {
        return first_page + ((at - begin) >> page_shift);
    }
    /// All but place and object offset.
    void copy_kind(const Region& from) {
        object = from.object;
        file = from.file;
        perm = from.perm;
        may = from.may;
        sharing = from.sharing;
        no_reserve = from.no_reserve;
        is_counted = from.is_counted;
        at_fork = from.at_fork;
        locked = from.locked;
        is_dumped = from.is_dumped;
        tells_writes = from.tells_writes;
    }
    /// `next` begins where this ends and differs in nothing else.
    bool continues_as(const Region& next) const {
        return end == next.begin && perm == next.perm && may == next.may &&
               sharing == next.sharing && object == next.object && file == next.file &&
               !grows_down && !next.grows_down && !is_counted && no_reserve == next.no_reserve &&
               at_fork == next.at_fork && locked == next.locked && is_dumped == next.is_dumped &&
               (!object || first_page + pages().n == next.first_page);
    }
};

struct RegionTraits {
    static constexpr TreeHook Region::*hook = &Region::hook;
    static void summarize(Region& region);
};
using RegionTree = IntrusiveTree<Region, RegionTraits>;

inline void RegionTraits::summarize(Region& region) {
    const Region* l = RegionTree::left(region);
    const Region* r = RegionTree::right(region);
    std::uint64_t gap = 0;
    region.low = region.begin;
    region.high = region.end;
    if (l) {
        region.low = l->low;
        gap = region.begin - l->high;
        if (l->largest_gap > gap) gap = l->largest_gap;
    }
    if (r) {
        region.high = r->high;
        if (r->low - region.end > gap) gap = r->low - region.end;
        if (r->largest_gap > gap) gap = r->largest_gap;
    }
    region.largest_gap = gap;
}

} // namespace drupe::mm
