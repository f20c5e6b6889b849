// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/host/mmu.h>

#include <drupe/arch/aarch64/descriptor.h>
#include <drupe/arch/direct_map.h>
#include <drupe/base/assert.h>

#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace drupe::arch::host {
namespace {

using aarch64::Descriptor;

struct State {
    std::map<std::pair<std::uint64_t, std::uint64_t>, Descriptor> tlb; // (space, page) -> leaf
    // (space, level, address) -> the table that a walk went through there
    std::map<std::tuple<std::uint64_t, unsigned, std::uint64_t>, PhysAddr> walks;
    std::set<std::uint64_t> synced;    // frames
    std::set<std::uint64_t> destroyed; // spaces
    std::uint64_t spaces = Mmu::kernel_space;
    std::uint64_t active = Mmu::no_space;
    PhysAddr root{0};
    std::set<const void*> sites;
};
State state;
const void* left_out = nullptr;

/// False: it is to be left out.
bool is_asked(const void* site) {
    state.sites.insert(site);
    return site != left_out;
}

void forget(std::uint64_t space, std::uint64_t va, std::size_t pages) {
    auto it = state.tlb.lower_bound({space, va});
    while (it != state.tlb.end() && it->first.first == space &&
           it->first.second < va + pages * page_size)
        it = state.tlb.erase(it);
    std::erase_if(state.walks, [&](const auto& walk) { // by address: walks that lead there
        const auto& [of, level, base] = walk.first;
        return of == space && base < va + pages * page_size &&
               va < base + aarch64::level_span(level);
    });
}
void forget_space(std::uint64_t space) { forget(space, 0, SIZE_MAX >> page_shift); }

struct Leaf {
    Descriptor descriptor;
    unsigned level;
};
Leaf walk(std::uint64_t va) {
    auto* table = static_cast<Descriptor*>(direct_map(state.root));
    for (unsigned level = 0;; level++) {
        const Descriptor entry = table[aarch64::level_index(va, level)];
        if (level == aarch64::leaf_level || !aarch64::is_table(entry)) return {entry, level};
        const PhysAddr next = aarch64::output_address(entry);
        const std::uint64_t base = va & ~(aarch64::level_span(level) - 1);
        state.walks.insert({{state.active, level, base}, next});
        table = static_cast<Descriptor*>(direct_map(next));
    }
}

// A block's descriptor as the TLB would hold it for one page of it.
Descriptor page_of(Leaf leaf, std::uint64_t va) {
    if (leaf.level == aarch64::leaf_level) return leaf.descriptor;
    const std::uint64_t inside =
        va & (aarch64::level_span(leaf.level) - 1) & ~std::uint64_t{page_mask};
    return (leaf.descriptor + inside) | aarch64::bit_table;
}

bool allows(Descriptor d, MmuAccess access) {
    const Perm perm = aarch64::decode_leaf(d, isolation()).perm;
    switch (access) {
    case MmuAccess::write: return has(perm, Perm::write);
    case MmuAccess::exec: return has(perm, Perm::exec);
    case MmuAccess::read: break;
    }
    return has(perm, Perm::read);
}

} // namespace

MmuResult Mmu::access(VirtAddr va, MmuAccess access) {
    if (state.active == no_space) return {MmuOutcome::translation_fault, PhysAddr{0}};
    const std::uint64_t page = raw(va) & ~std::uint64_t{page_mask};
    const Leaf leaf = walk(page);
    const Descriptor now = aarch64::is_valid(leaf.descriptor) ? page_of(leaf, page) : 0;
    auto cached = state.tlb.find({state.active, page});
    if (cached == state.tlb.end()) {
        if (now == 0) return {MmuOutcome::translation_fault, PhysAddr{0}};
        cached = state.tlb.insert({{state.active, page}, now}).first;
    }
    const Descriptor used = cached->second;
    if (!allows(used, access)) return {MmuOutcome::permission_fault, PhysAddr{0}};
    if (now == 0 || aarch64::needs_break_before_make(used, now) || !allows(now, access))
        panic("mmu: access through a translation that was taken back without a TLB flush");
    const PhysAddr frame = aarch64::output_address(used);
    if (access == MmuAccess::exec && !state.synced.contains(raw(frame)))
        panic("mmu: instruction fetched from a frame without icache_sync");
    return {MmuOutcome::done, frame + (raw(va) & page_mask)};
}

void Mmu::reset() { state = State{}; }
std::size_t Mmu::cached() { return state.tlb.size(); }
std::uint64_t Mmu::next_space() { return ++state.spaces; }

void Mmu::activate(std::uint64_t space, PhysAddr root) {
    state.active = space;
    state.root = root;
}

bool Mmu::check_store(std::uint64_t space, std::uint64_t va, unsigned level, std::uint64_t from,
                      std::uint64_t to) {
    if (aarch64::needs_break_before_make(from, to))
        panic("mmu: valid entry replaced without break-before-make");
    if (!aarch64::is_valid(to))
        return !aarch64::is_valid(from) || state.destroyed.contains(space) ||
               is_asked(__builtin_return_address(0));
    if (level != aarch64::leaf_level && aarch64::is_table(to)) {
        const auto walk = state.walks.find({space, level, va & ~(aarch64::level_span(level) - 1)});
        if (walk != state.walks.end() && walk->second != aarch64::output_address(to))
            panic("mmu: table made valid while a walk through another is cached");
        return true;
    }
    const auto last = va + (aarch64::level_span(level) - 1);
    for (auto it = state.tlb.lower_bound({space, va}); it != state.tlb.end(); ++it) {
        if (it->first.first != space || it->first.second > last) break;
        if (aarch64::needs_break_before_make(it->second, page_of({to, level}, it->first.second)))
            panic("mmu: entry made valid while the TLB holds another translation");
    }
    return true;
}

void Mmu::flush(std::uint64_t space, std::uint64_t va, std::size_t pages) {
    if (is_asked(__builtin_return_address(0))) forget(space, va, pages);
}

void Mmu::flush_space(std::uint64_t space) {
    if (is_asked(__builtin_return_address(0))) forget_space(space);
}

std::vector<const void*> Mmu::sites() { return {state.sites.begin(), state.sites.end()}; }
void Mmu::leave_out(const void* site) { left_out = site; }

void Mmu::space_destroyed(std::uint64_t space) {
    if (state.active == space) panic("mmu: active space destroyed");
    state.destroyed.insert(space);
    forget_space(space); // its identifier is not used again before every TLB was flushed
}

void Mmu::frame_freed(PhysAddr frame) {
    for (const auto& [where, leaf] : state.tlb)
        if (aarch64::output_address(leaf) == frame)
            panic("mmu: frame given back while the TLB still leads to it");
    for (const auto& [where, table] : state.walks)
        if (table == frame) panic("mmu: table given back while a walk through it is cached");
    state.synced.erase(raw(frame));
}

void Mmu::instructions_synced(std::span<const std::byte> where) {
    const std::uint64_t first = raw(direct_unmap(where.data())) & ~std::uint64_t{page_mask};
    for (std::uint64_t at = first; at < raw(direct_unmap(where.data() + where.size()));
         at += page_size)
        state.synced.insert(at);
}

} // namespace drupe::arch::host
