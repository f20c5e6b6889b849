// SPDX-License-Identifier: BSD-2-Clause
// The tree of translation tables: walking, filling, emptying. No TLB work and no permissions
// policy; the backends add those. `Memory` says how tables are reached and stored to, so that the
// build machine's backend can watch every store:
//   static Descriptor* table(PhysAddr)         a table's 512 entries
//   static Result<PhysAddr> alloc_table()      a table of zeros; no_memory
//   static void free_table(PhysAddr)
//   static std::uint64_t& groups(PhysAddr)     a word kept for a table; 0 in a fresh one
//   void store(std::uint64_t va, unsigned level, Descriptor& entry, Descriptor value)
// One writer at a time; hardware walkers read concurrently, so every store is one 64-bit store and
// a new table is complete before it is linked (a store-release; the walker's dependent reads pair).
#pragma once

#include <drupe/arch/aarch64/descriptor.h>
#include <drupe/base/assert.h>
#include <drupe/base/result.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

namespace drupe::arch::aarch64 {

template <class Memory>
class TableTree {
public:
    /// The deepest entry on the way to an address: a leaf, a block, or the hole where the walk
    /// ends.
    struct Place {
        Descriptor* entry;
        unsigned level;
    };

    /// `is_own`: all its tables come from here. Of others it is not known where they are empty.
    TableTree(PhysAddr root, Memory memory, bool is_own)
        : root_(root), is_own_(is_own), memory_(std::move(memory)) {}
    /// Without what it remembers, which may lie in `other`.
    TableTree(TableTree&& other) noexcept
        : root_(other.root_), is_own_(other.is_own_), tables_(other.tables_),
          memory_(std::move(other.memory_)) {}
    PhysAddr root() const { return root_; }
    Memory& memory() { return memory_; }

    Place find(std::uint64_t va) const {
        if (va >> 21 == last_tag_) return {last_table_ + level_index(va, 3), 3};
        PhysAddr at = root_;
        for (unsigned level = 0; level < leaf_level; level++) {
            Descriptor* entry = Memory::table(at) + level_index(va, level);
            if (!is_table(*entry)) return {entry, level};
            at = output_address(*entry);
        }
        remember(va, at);
        return {last_table_ + level_index(va, 3), 3};
    }

    /// The entry of `va` at `level`, which is going to be used, with the tables above it made.
    /// no_memory. Asserts that no block lies in the way.
    Result<Descriptor*> make(std::uint64_t va, unsigned level) {
        if (level == leaf_level && va >> 21 == last_tag_) {
            note_use(*last_groups_, level_index(va, 3));
            return last_table_ + level_index(va, 3);
        }
        PhysAddr table = root_;
        for (unsigned at = 0; at < level; at++) {
            Descriptor& entry = Memory::table(table)[level_index(va, at)];
            if (!is_table(entry)) {
                DRUPE_ASSERT(entry == 0);
                const PhysAddr fresh = TRY(Memory::alloc_table());
                tables_++;
                note_use(groups_of(table), level_index(va, at));
                memory_.store(va, at, entry, table_descriptor(fresh));
            }
            table = output_address(entry);
        }
        if (level == leaf_level) remember(va, table);
        note_use(groups_of(table), level_index(va, level));
        return Memory::table(table) + level_index(va, level);
    }
    /// Entries of the table of leaves that find() or make() came to last are going to be used.
    void note_leaves(std::uint64_t va, std::size_t count) {
        const unsigned first = level_index(va, 3);
        const unsigned last = first + static_cast<unsigned>(count) - 1;
        *last_groups_ |=
            ~std::uint64_t{0} << first / group & ~std::uint64_t{0} >> (63 - last / group);
    }

    void store(std::uint64_t va, unsigned level, Descriptor& entry, Descriptor value) {
        memory_.store(va, level, entry, value);
    }

    /// each(va, entry, level) for every leaf that is not zero in [va, va + bytes), which does not
    /// reach the top of the address space. A block that the range cuts is visited too, with the
    /// address where it begins.
    template <class Each>
    void for_each_leaf(std::uint64_t va, std::uint64_t bytes, Each&& each) {
        const std::uint64_t end = va + bytes;
        while (va < end) {
            const Place place = find(va);
            const std::uint64_t begin = va & ~(level_span(place.level) - 1);
            if (place.level < leaf_level) {
                if (*place.entry != 0) each(begin, *place.entry, place.level);
                va = begin + level_span(place.level);
                continue;
            }
            const std::uint64_t stop = std::min(end, (va | (level_span(2) - 1)) + 1);
            const unsigned first = level_index(va, 3);
            const unsigned last = first + static_cast<unsigned>((stop - va) >> page_shift);
            Descriptor* const table = place.entry - first;
            std::uint64_t& groups = *last_groups_;
            for (unsigned i = first; (i = next_used(table, groups, i, last)) != last; i++)
                each(va + (std::uint64_t{i - first} << page_shift), table[i], leaf_level);
            va = stop;
        }
    }

    /// Unlinks every table that lies wholly inside the range (whose leaves are gone) and hands it
    /// to dispose(PhysAddr): the walker may still hold it until the caller has flushed.
    template <class Dispose>
    void unlink_tables(std::uint64_t va, std::uint64_t bytes, Dispose&& dispose) {
        last_tag_ = no_tag;
        unlink_below(root_, 0, va, va + (bytes - 1), dispose);
    }

    /// Tables besides the root.
    std::size_t tables() const { return tables_; }

private:
    /// Entries come in groups of a cache line. A table's word has a bit for each: clear where all
    /// are known to be holes, which most are. A thread's stack of 8 MiB has a page or two.
    static constexpr unsigned group = 8;

    static void note_use(std::uint64_t& groups, unsigned index) {
        groups |= std::uint64_t{1} << index / group;
    }
    std::uint64_t& groups_of(PhysAddr table) const {
        return is_own_ ? Memory::groups(table) : (unknown_ = ~std::uint64_t{0});
    }
    void remember(std::uint64_t va, PhysAddr table) const {
        last_tag_ = va >> 21;
        last_table_ = Memory::table(table);
        last_groups_ = &groups_of(table);
    }
    /// The first entry from `index` on that is not a hole, or `stop`.
    static unsigned next_used(const Descriptor* table, std::uint64_t& groups, unsigned index,
                              unsigned stop) {
        while (index < stop && table[index] == 0) {
            const unsigned at = index / group;
            const std::uint64_t rest = groups >> at;
            if (rest == 0) return stop;
            const unsigned skipped = static_cast<unsigned>(std::countr_zero(rest));
            const Descriptor* const e = table + at * group;
            if (skipped != 0) {
                index = (at + skipped) * group;
            } else if ((e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) == 0) {
                groups &= ~(std::uint64_t{1} << at);
                index = (at + 1) * group;
            } else {
                index++;
            }
        }
        return std::min(index, stop);
    }

    template <class Dispose>
    void unlink_below(PhysAddr at, unsigned level, std::uint64_t first, std::uint64_t last,
                      Dispose& dispose) {
        const std::uint64_t span = level_span(level);
        const std::uint64_t origin = first & ~(span * 512 - 1);
        Descriptor* const table = Memory::table(at);
        std::uint64_t groups = groups_of(at);
        const unsigned stop = level_index(last, level) + 1;
        for (unsigned i = level_index(first, level);
             (i = next_used(table, groups, i, stop)) != stop; i++) {
            Descriptor& entry = table[i];
            if (!is_table(entry)) continue;
            const std::uint64_t begin = origin + std::uint64_t{i} * span;
            const std::uint64_t end = begin + (span - 1);
            const PhysAddr below = output_address(entry);
            if (level + 1 < leaf_level)
                unlink_below(below, level + 1, std::max(begin, first), std::min(end, last),
                             dispose);
            if (begin < first || end > last) continue;
            memory_.store(begin, level, entry, 0);
            tables_--;
            dispose(below);
        }
    }

    static constexpr std::uint64_t no_tag = ~std::uint64_t{0};
    PhysAddr root_;
    bool is_own_;
    std::size_t tables_ = 0;
    // The level 3 table that was walked to last: neighbouring pages are touched one after another.
    mutable std::uint64_t last_tag_ = no_tag;
    mutable Descriptor* last_table_ = nullptr;
    mutable std::uint64_t* last_groups_ = nullptr;
    mutable std::uint64_t unknown_ = 0; // stands for the word of a table that is not its own
    [[no_unique_address]] Memory memory_;
};

} // namespace drupe::arch::aarch64
