// SPDX-License-Identifier: BSD-2-Clause
// Mapping, unmapping and protecting: policy over the regions. The pages themselves are page_ops.cc
// and fault.cc.
#include <drupe/mm/address_space.h>

#include <drupe/sched/cpu.h>

#include "space_parts.h"

namespace drupe::mm {
namespace {

using arch::Perm;

// The space whose tables each CPU uses. Only that CPU reads and writes its entry.
constinit AddressSpace* active_spaces[DRUPE_MAX_CPUS] = {};
// Bits of randomness in pages: 1 GiB of places for the mmap area, 16 GiB for the stack.
constexpr unsigned mmap_random_bits = 18, stack_random_bits = 22;

/// A number of bytes from the lowest `bits` of `random`, which it consumes.
std::uint64_t take_pages(std::uint64_t& random, unsigned bits) {
    const std::uint64_t pages = random & ((std::uint64_t{1} << bits) - 1);
    random >>= bits;
    return pages << page_shift;
}

bool is_user_range(VirtAddr at, PageCount pages) {
    return is_aligned(at, page_size) && pages.n != 0 && at <= AddressSpace::user_end &&
           pages.n <= (AddressSpace::user_end - at) >> page_shift;
}

void set_up(Region& region, const MapRequest& request, VirtAddr at) {
    region.begin = at;
    region.end = at + request.pages.bytes();
    region.object = request.object;
    region.file = request.file;
    region.first_page = request.object ? request.first_page : 0;
    region.perm = request.perm;
    region.may = request.may;
    region.sharing = request.sharing;
    region.grows_down = request.grows_down;
    region.no_reserve = request.no_reserve;
    region.is_counted = request.is_counted;
    region.at_fork = request.at_fork;
    region.tells_writes = request.tells_writes;
}

/// How pages are brought in beforehand: private ones become the process's own; a file need not hear
/// of writes that nobody made yet.
arch::Access access_for(Sharing sharing, Perm perm) {
    return sharing == Sharing::private_copy && has(perm, Perm::write) ? arch::Access::write
                                                                      : arch::Access::read;
}

} // namespace

AddressSpace::AddressSpace(arch::PageTable&& table) : table_(std::move(table)) {}

Result<OwnPtr<AddressSpace>> AddressSpace::create(std::uint64_t random) {
    arch::PageTable table = TRY(arch::PageTable::create());
    auto* space = new (std::nothrow) AddressSpace(std::move(table));
    if (!space) return Errc::no_memory;
    space->choose_layout(random);
    return OwnPtr<AddressSpace>(space);
}

void AddressSpace::choose_layout(std::uint64_t random) {
    stack_top_ = user_end - page_size - take_pages(random, stack_random_bits);
    // Room for the stack's limit (between 128 MiB and five sixths of everything), then the gap.
    const std::uint64_t room =
        std::clamp<std::uint64_t>(limits_.stack, 128 << 20, raw(user_end) / 6 * 5);
    mmap_top_ =
        align_down(stack_top_ - room - stack_gap - take_pages(random, mmap_random_bits), page_size);
}

void AddressSpace::set_limits(const SpaceLimits& limits) {
    Guard guard(lock_);
    limits_ = limits;
}

AddressSpace::~AddressSpace() {
    sched::forget_address_space(*this);
    if (active_spaces[this_cpu_core().index] == this) deactivate(); // it was activated by hand
    Doomed doomed;
    Guard guard(lock_);
    while (Region* r = regions_.root()) {
        zap(r->begin, r->end);
        take_out(*r, doomed);
    }
}

// Not analysed: of the table only its root is read, which never changes.
void AddressSpace::activate() NO_THREAD_SAFETY_ANALYSIS {
    const std::uint32_t cpu = this_cpu_core().index;
    if (active_spaces[cpu] == this) return;
    table_.activate(cpu);
    active_spaces[cpu] = this;
}

void AddressSpace::deactivate() {
    arch::PageTable::deactivate();
    active_spaces[this_cpu_core().index] = nullptr;
}

void AddressSpace::switch_to(AddressSpace* space) {
    if (space)
        space->activate();
    else
        deactivate();
}

Result<void> AddressSpace::check_limits(const MapRequest& request, Locked locked) const {
    if (region_count_ >= max_regions) return Errc::no_memory;
    const std::size_t pages = request.pages.n;
    if (mapped_ + pages > limits_.address_space >> page_shift) return Errc::no_memory;
    if (locked != Locked::no && !may_lock(pages)) return Errc::would_block;
    if (request.sharing != Sharing::private_copy || !has(request.perm, Perm::write)) return {};
    if (data_ + pages > limits_.data >> page_shift) return Errc::no_memory;
    // What can never be filled is refused now, while the program can still handle it.
    if (!request.no_reserve && pages > memory_total().n) return Errc::no_memory;
    return {};
}

Result<VirtAddr> AddressSpace::place(const MapRequest& request) {
    const std::uint64_t bytes = request.pages.bytes();
    if (request.placement != Placement::anywhere) {
        if (!is_user_range(request.at, request.pages)) return Errc::no_memory;
        if (request.at < user_begin) return Errc::not_permitted;
        if (request.placement == Placement::fixed_free && !is_free(request.at, bytes))
            return Errc::exists;
        return request.at;
    }
    if (request.at >= user_begin && is_user_range(request.at, request.pages) &&
        is_free(request.at, bytes))
        return request.at;
    if (bytes > raw(mmap_top_)) return Errc::no_memory;
    const VirtAddr at = find_room(bytes, mmap_top_);
    if (raw(at) == 0) return Errc::no_memory;
    return at;
}

Result<VirtAddr> AddressSpace::map(const MapRequest& request) {
    if (request.pages.n == 0 || !is_aligned(request.at, page_size)) return Errc::invalid;
    if (request.pages.n > raw(user_end) >> page_shift) return Errc::no_memory;
    VirtAddr at;
    {
        Doomed doomed;
        Spares spares;
        if (request.sharing == Sharing::shared && !request.object) {
            MapRequest shared = request;
            shared.object = TRY(make_anonymous_object(request.pages));
            Guard guard(lock_);
            at = TRY(map_locked(shared, spares, doomed));
        } else {
            Guard guard(lock_);
            at = TRY(map_locked(request, spares, doomed));
        }
    }
    // A mapping that could not be filled is a mapping all the same.
    if (request.populate)
        (void)populate(at, request.pages, access_for(request.sharing, request.perm)).ok();
    else if (request.locked != Locked::no || locks_future())
        (void)bring_in(at, request.pages).ok();
    return at;
}

Result<VirtAddr> AddressSpace::map_locked(const MapRequest& request, Spares& spares,
                                          Doomed& doomed) {
    const Locked locked = std::max(request.locked, future_.load(std::memory_order_relaxed));
    TRY(check_limits(request, locked));
    const VirtAddr at = TRY(place(request));
    const VirtAddr end = at + request.pages.bytes();
    const bool replaces = request.placement == Placement::fixed && !is_free(at, end - at);
    if (!replaces && extend_neighbour(request, at, doomed)) return at;
    TRY(spares.add());
    Region& region = spares.take();
    if (replaces) {
        const auto unmapped = unmap_locked(at, end, spares, doomed);
        if (!unmapped) {
            doomed.add(region);
            return unmapped.error();
        }
        if (extend_neighbour(request, at, doomed)) {
            doomed.add(region);
            return at;
        }
    }
    set_up(region, request, at);
    region.locked = locked;
    insert(region);
    return at;
}

// Most new memory continues what lies beside it: then no region is made.
Region* AddressSpace::extend_neighbour(const MapRequest& request, VirtAddr at, Doomed& doomed) {
    if (request.grows_down) return nullptr;
    Region probe;
    set_up(probe, request, at);
    probe.locked = std::max(request.locked, future_.load(std::memory_order_relaxed));
    Region* above = first_above(at);
    Region* below = above ? RegionTree::prev(*above) : regions_.last();
    if (below && below->continues_as(probe)) {
        set_bounds(*below, below->begin, probe.end);
        if (above) absorb(*below, *above, doomed);
        return below;
    }
    if (above && probe.continues_as(*above)) {
        set_bounds(*above, at, above->end);
        return above;
    }
    return nullptr;
}

Result<void> AddressSpace::unmap(VirtAddr at, PageCount pages) {
    if (!is_user_range(at, pages)) return Errc::invalid;
    Doomed doomed;
    Spares spares;
    Guard guard(lock_);
    return unmap_locked(at, at + pages.bytes(), spares, doomed);
}

Result<void> AddressSpace::unmap_locked(VirtAddr at, VirtAddr end, Spares& spares, Doomed& doomed) {
    Region* r = first_above(at);
    if (!r || r->begin >= end) return {};
    if (r->begin < at && r->end > end) { // a hole in the middle
        if (region_count_ >= max_regions) return Errc::no_memory;
        if (!spares.chain) TRY(spares.add());
        split(*r, end, spares);
    }
    while (r && r->begin < end) {
        Region* next = RegionTree::next(*r);
        const VirtAddr from = std::max(r->begin, at), to = std::min(r->end, end);
        zap(from, to);
        if (r->begin < at)
            set_bounds(*r, r->begin, at);
        else if (r->end > end)
            set_bounds(*r, end, r->end);
        else
            take_out(*r, doomed);
        r = next;
    }
    free_tables_in_hole(at, end);
    return {};
}

// Tables that only the hole around [at, end) used. The search widens with the range, so that a
// small unmap does not look through large tables.
void AddressSpace::free_tables_in_hole(VirtAddr at, VirtAddr end) {
    const std::uint64_t bytes = end - at;
    const std::uint64_t widen = bytes >= 1 << 30 ? 1 << 30 : 2 << 20;
    const Region* above = first_above(at);
    const Region* below = above ? RegionTree::prev(*above) : regions_.last();
    const VirtAddr low = below ? below->end : VirtAddr{0};
    const VirtAddr high = above ? above->begin : user_end;
    at = std::max(low, align_down(at, widen));
    end = std::min(high, align_up(end, widen));
    if (align_up(at, 2 << 20) >= end || end - align_up(at, 2 << 20) < 2 << 20) return;
    SpinGuard guard(table_lock_);
    table_.free_tables(at, {(end - at) >> page_shift});
}

// Applies a change to the regions of a range, cut to it, and joins what became alike. Holes and
// what `check` refuses end it; what came before stays changed, as Linux leaves it.
template <class Check, class Apply>
Result<void> AddressSpace::change_regions(VirtAddr at, PageCount pages, Check check, Apply apply) {
    if (!is_user_range(at, pages)) return Errc::no_memory;
    const VirtAddr end = at + pages.bytes();
    Doomed doomed;
    Spares spares;
    Guard guard(lock_);
    Region* r = find(at);
    if (!r) return Errc::no_memory;
    TRY(reserve_splits(at, end, spares));
    Result<void> outcome;
    VirtAddr reached = at;
    for (; reached < end; r = RegionTree::next(*r)) {
        if (!r || r->begin > reached)
            outcome = Errc::no_memory;
        else
            outcome = check(*r);
        if (!outcome) break;
        if (r->begin < at) {
            split(*r, at, spares);
            r = RegionTree::next(*r);
        }
        if (r->end > end) split(*r, end, spares);
        reached = r->end;
        apply(*r);
    }
    merge_around(at, reached, doomed);
    return outcome;
}

Result<void> AddressSpace::protect(VirtAddr at, PageCount pages, Perm perm) {
    return change_regions(
        at, pages,
        [&](const Region& r) -> Result<void> {
            if (arch::without(perm, r.may) != Perm::none) return Errc::access;
            return {};
        },
        [&](Region& r) {
            lock_.assert_held();
            if (r.perm == perm) return;
            account(r, -1);
            r.perm = perm;
            account(r, 1);
            reprotect(r);
        });
}

Result<void> AddressSpace::set_at_fork(VirtAddr at, PageCount pages, AtFork at_fork) {
    return change_regions(
        at, pages,
        [&](const Region& r) -> Result<void> {
            if (at_fork == AtFork::wipe && (r.object || r.sharing == Sharing::shared))
                return Errc::invalid;
            return {};
        },
        [&](Region& r) { r.at_fork = at_fork; });
}

Result<void> AddressSpace::set_dumped(VirtAddr at, PageCount pages, bool is_dumped) {
    return change_regions(
        at, pages, [](const Region&) -> Result<void> { return {}; },
        [&](Region& r) { r.is_dumped = is_dumped; });
}

bool AddressSpace::may_lock(std::size_t more) const {
    return locked_ + more <= limits_.locked >> page_shift;
}

void AddressSpace::change_locked(Region& region, Locked locked) {
    account(region, -1);
    region.locked = locked;
    account(region, 1);
}

Result<void> AddressSpace::set_locked(VirtAddr at, PageCount pages, Locked locked) {
    if (locked != Locked::no) {
        Guard guard(lock_);
        const VirtAddr end = at + pages.bytes();
        std::size_t already = 0;
        for (const Region* r = first_above(at); r && r->begin < end; r = RegionTree::next(*r))
            if (r->locked != Locked::no)
                already += (std::min(r->end, end) - std::max(r->begin, at)) >> page_shift;
        if (!may_lock(pages.n - already)) return Errc::no_memory;
    }
    return change_regions(
        at, pages, [](const Region&) -> Result<void> { return {}; },
        [&](Region& r) {
            lock_.assert_held();
            change_locked(r, locked);
        });
}

Result<void> AddressSpace::lock_all(std::optional<Locked> current, Locked future) {
    Doomed doomed;
    Guard guard(lock_);
    if (current && *current != Locked::no && mapped_ > limits_.locked >> page_shift)
        return Errc::no_memory;
    future_.store(future, std::memory_order_relaxed);
    if (!current) return {};
    for (Region* r = regions_.first(); r; r = RegionTree::next(*r)) change_locked(*r, *current);
    merge_around(VirtAddr{0}, user_end, doomed);
    return {};
}

Result<void> AddressSpace::bring_in(VirtAddr at, PageCount pages) {
    const VirtAddr end = at + pages.bytes();
    RegionInfo info{};
    for (; at < end && region_above(at, info) && info.begin < end; at = info.end) {
        if (info.locked != Locked::yes) continue;
        const VirtAddr from = std::max(at, info.begin), to = std::min(end, info.end);
        TRY(populate(from, {(to - from) >> page_shift}, access_for(info.sharing, info.perm)));
    }
    return {};
}

Result<VirtAddr> AddressSpace::stack_begin(VirtAddr at) {
    Guard guard(lock_);
    const Region* r = first_above(at);
    if (!r) return Errc::no_memory;
    if (!r->grows_down) return Errc::invalid;
    return r->begin;
}

Result<void> AddressSpace::write_back(VirtAddr at, PageCount pages) {
    if (!is_user_range(at, pages)) return Errc::no_memory;
    const VirtAddr end = at + pages.bytes();
    bool holes = false;
    RegionInfo info{};
    for (VirtAddr reached = at; reached < end; reached = info.end) {
        if (!region_above(reached, info) || info.begin >= end) return Errc::no_memory;
        holes = holes || info.begin > reached;
        if (!info.object || info.sharing != Sharing::shared) continue;
        TRY(info.object->write_back());
        hear_of_writes(std::max(reached, info.begin), std::min(end, info.end));
    }
    return holes ? Result<void>{Errc::no_memory} : Result<void>{};
}

Result<void> AddressSpace::discard(VirtAddr at, PageCount pages) {
    if (!is_user_range(at, pages)) return Errc::no_memory;
    const VirtAddr end = at + pages.bytes();
    Guard guard(lock_);
    VirtAddr reached = at;
    bool holes = false;
    for (Region* r = first_above(at); r && r->begin < end; r = RegionTree::next(*r)) {
        holes = holes || r->begin > reached;
        zap(std::max(r->begin, at), std::min(r->end, end));
        reached = r->end;
    }
    return holes || reached < end ? Result<void>{Errc::no_memory} : Result<void>{};
}

bool AddressSpace::is_mapped(VirtAddr at, PageCount pages) {
    if (!is_user_range(at, pages)) return false;
    const VirtAddr end = at + pages.bytes();
    Guard guard(lock_);
    VirtAddr reached = at;
    for (Region* r = first_above(at); r && r->begin <= reached && reached < end;
         r = RegionTree::next(*r))
        reached = r->end;
    return reached >= end;
}

void AddressSpace::set_break_start(VirtAddr start) {
    Guard guard(lock_);
    break_start_ = break_ = align_up(start, page_size);
}

VirtAddr AddressSpace::set_break(VirtAddr wanted) {
    Doomed doomed;
    Spares spares;
    Guard guard(lock_);
    if (wanted < break_start_ || wanted > user_end) return break_;
    const VirtAddr from = align_up(break_, page_size), to = align_up(wanted, page_size);
    if (to < from && !unmap_locked(to, from, spares, doomed)) return break_;
    if (to > from) {
        if (wanted - break_start_ > limits_.data) return break_;
        MapRequest more;
        more.at = from;
        more.pages = {(to - from) >> page_shift};
        more.perm = Perm::read | Perm::write;
        more.placement = Placement::fixed_free;
        if (!map_locked(more, spares, doomed)) return break_;
    }
    break_ = wanted;
    return break_;
}

bool AddressSpace::region_above(VirtAddr at, RegionInfo& out) {
    // These go after the lock.
    RefPtr<VmObject> previous = std::move(out.object);
    RefPtr<MappedFile> previous_file = std::move(out.file);
    Guard guard(lock_);
    Region* r = first_above(at);
    if (!r) return false;
    out = {.begin = r->begin,
           .end = r->end,
           .perm = r->perm,
           .may = r->may,
           .sharing = r->sharing,
           .grows_down = r->grows_down,
           .is_break = r->begin < break_ && r->end > break_start_ && !r->object,
           .locked = r->locked,
           .is_dumped = r->is_dumped,
           .first_page = r->first_page,
           .object = r->object,
           .file = r->file};
    return true;
}

SpaceStats AddressSpace::stats() {
    Guard guard(lock_);
    SpinGuard table_guard(table_lock_);
    return {.mapped = {mapped_},
            .resident = {resident_},
            .data = {data_},
            .stack = {stack_},
            .locked = {locked_},
            .most_mapped = {std::max(most_mapped_, mapped_)},
            .most_resident = {std::max(most_resident_, resident_)},
            .tables = {table_.tables()},
            .regions = region_count_};
}

} // namespace drupe::mm
