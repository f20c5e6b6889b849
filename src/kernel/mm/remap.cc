// SPDX-License-Identifier: BSD-2-Clause
// mremap: growing, shrinking and moving one region's part.
#include "space_parts.h"

namespace drupe::mm {

Result<VirtAddr> AddressSpace::remap(VirtAddr at, PageCount old_pages, PageCount new_pages,
                                     bool may_move, VirtAddr fixed_to) {
    constexpr std::size_t most = raw(user_end) >> page_shift;
    if (!is_aligned(at, page_size) || !is_aligned(fixed_to, page_size) || new_pages.n == 0)
        return Errc::invalid;
    if (old_pages.n > most || new_pages.n > most || at >= user_end) return Errc::invalid;
    const bool fixed = raw(fixed_to) != 0;
    const VirtAddr old_end = at + old_pages.bytes(), new_end = fixed_to + new_pages.bytes();
    if (fixed &&
        (fixed_to < user_begin || new_end > user_end || (fixed_to < old_end && at < new_end)))
        return Errc::invalid;
    Doomed doomed;
    Spares spares;
    Guard guard(lock_);
    Region* region = find(at);
    if (!region) return Errc::fault;

    if (!fixed && old_pages >= new_pages && old_pages.n != 0) {
        if (old_pages > new_pages)
            TRY(unmap_locked(at + new_pages.bytes(), old_end, spares, doomed));
        return at;
    }
    if (old_pages.n != 0 && old_end > region->end) return Errc::fault;
    if (old_pages.n == 0 && region->sharing != Sharing::shared) return Errc::invalid;

    MapRequest request{.at = fixed_to,
                       .pages = new_pages,
                       .perm = region->perm,
                       .sharing = region->sharing,
                       .placement = fixed ? Placement::fixed : Placement::anywhere,
                       .object = region->object,
                       .file = region->file,
                       .first_page = region->object ? region->page_index(at) : 0,
                       .no_reserve = region->no_reserve,
                       .is_counted = region->is_counted,
                       .locked = region->locked,
                       .may = region->may};
    const std::size_t more = new_pages.n > old_pages.n ? new_pages.n - old_pages.n : 0;
    MapRequest growth = request;
    growth.pages = {more};
    if (more != 0) TRY(check_limits(growth, region->locked));
    if (!fixed && old_pages.n != 0 && old_end == region->end &&
        more <= (user_end - old_end) >> page_shift && is_free(old_end, growth.pages.bytes())) {
        set_bounds(*region, region->begin, old_end + growth.pages.bytes());
        Region* above = RegionTree::next(*region);
        if (above) absorb(*region, *above, doomed);
        return at;
    }
    if (!may_move && !fixed) return Errc::no_memory;
    return move_region(*region, at, old_pages, request, spares, doomed);
}

// The target first, then the pages, then the source: on no_memory the source is untouched.
Result<VirtAddr> AddressSpace::move_region(Region& region, VirtAddr at, PageCount old_pages,
                                           const MapRequest& request, Spares& spares,
                                           Doomed& doomed) {
    if (region_count_ + 3 > max_regions) return Errc::no_memory;
    const VirtAddr target = TRY(place(request));
    const VirtAddr target_end = target + request.pages.bytes();
    Spares source_cut; // for the hole that the source leaves, so that unmapping cannot fail
    TRY(source_cut.add());
    TRY(spares.add());
    Region& fresh = spares.take();
    if (request.placement == Placement::fixed) {
        const auto unmapped = unmap_locked(target, target_end, spares, doomed);
        if (!unmapped) {
            doomed.add(fresh);
            return unmapped.error();
        }
    }
    fresh.begin = target;
    fresh.end = target_end;
    fresh.copy_kind(region);
    fresh.first_page = request.first_page;
    insert(fresh);
    if (old_pages.n == 0) return target;

    const PageCount kept{std::min(old_pages.n, request.pages.n)};
    // Under the object's lock: truncation must find each page at one of the two places.
    Result<void> moved;
    if (region.object) {
        SpinGuard object_guard(region.object->pages_lock_);
        moved = move_pages(at, target, kept);
    } else {
        moved = move_pages(at, target, kept);
    }
    if (!moved) {
        take_out(fresh, doomed);
        free_tables_in_hole(target, target_end);
        return moved.error();
    }
    TRY(unmap_locked(at, at + old_pages.bytes(), source_cut, doomed));
    merge_around(target, target_end, doomed);
    return target;
}

} // namespace drupe::mm
