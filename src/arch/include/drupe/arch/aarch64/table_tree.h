// SPDX-License-Identifier: BSD-2-Clause
// The tree of translation tables: walking, filling, emptying. No TLB work and no permissions
// policy; the backends add those. `Memory` says how tables are reached and stored to, so that the
// build machine's backend can watch every store:
//   static Descriptor* table(PhysAddr)         a table's 512 entries
//   static Result<PhysAddr> alloc_table()      a table of zeros; no_memory
//   static void free_table(PhysAddr)
//   void store(std::uint64_t va, unsigned level, Descriptor& entry, Descriptor value)
// One writer at a time; hardware walkers read concurrently, so every store is one 64-bit store and
// a new table is complete before it is linked (a store-release; the walker's dependent reads pair).
#pragma once

#include <drupe/arch/aarch64/descriptor.h>
#include <drupe/base/assert.h>
#include <drupe/base/result.h>

#include <algorithm>
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

    explicit TableTree(PhysAddr root, Memory memory = {})
        : root_(root), memory_(std::move(memory)) {}
    PhysAddr root() const { return root_; }
    Memory& memory() { return memory_; }

    Place find(std::uint64_t va) const {
        if (va >> 21 == last_tag_) return {last_table_ + level_index(va, 3), 3};
        Descriptor* table = Memory::table(root_);
        for (unsigned level = 0; level < leaf_level; level++) {
            Descriptor* entry = table + level_index(va, level);
            if (!is_table(*entry)) return {entry, level};
            table = Memory::table(output_address(*entry));
        }
        last_tag_ = va >> 21;
        last_table_ = table;
        return {table + level_index(va, 3), 3};
    }

    /// The entry of `va` at `level`, with the tables above it made. no_memory. Asserts that no
    /// block lies in the way.
    Result<Descriptor*> make(std::uint64_t va, unsigned level) {
        if (level == leaf_level && va >> 21 == last_tag_) return last_table_ + level_index(va, 3);
        Descriptor* table = Memory::table(root_);
        for (unsigned at = 0; at < level; at++) {
            Descriptor& entry = table[level_index(va, at)];
            if (!is_table(entry)) {
                DRUPE_ASSERT(entry == 0);
                const PhysAddr fresh = TRY(Memory::alloc_table());
                tables_++;
                memory_.store(va, at, entry, table_descriptor(fresh));
            }
            table = Memory::table(output_address(entry));
        }
        return table + level_index(va, level);
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
            Descriptor* const last = place.entry + ((stop - va) >> page_shift);
            for (Descriptor* entry = place.entry;;) {
                entry = skip_holes(entry, last);
                if (entry == last) break;
                each(va + (std::uint64_t(entry - place.entry) << page_shift), *entry, leaf_level);
                entry++;
            }
            va = stop;
        }
    }

    /// Unlinks every table that lies wholly inside the range (whose leaves are gone) and hands it
    /// to dispose(PhysAddr): the walker may still hold it until the caller has flushed.
    template <class Dispose>
    void unlink_tables(std::uint64_t va, std::uint64_t bytes, Dispose&& dispose) {
        last_tag_ = no_tag;
        unlink_below(Memory::table(root_), 0, va, va + (bytes - 1), dispose);
    }

    /// Tables besides the root.
    std::size_t tables() const { return tables_; }

private:
    /// The first entry that is not a hole, or `last`. A hole is seldom alone: a thread's stack of
    /// 8 MiB has a page or two.
    static Descriptor* skip_holes(Descriptor* entry, Descriptor* last) {
        while (entry != last && *entry == 0) {
            while (last - entry >= 8 && (entry[0] | entry[1] | entry[2] | entry[3] | entry[4] |
                                         entry[5] | entry[6] | entry[7]) == 0)
                entry += 8;
            if (entry != last && *entry == 0) entry++;
        }
        return entry;
    }

    template <class Dispose>
    void unlink_below(Descriptor* table, unsigned level, std::uint64_t first, std::uint64_t last,
                      Dispose& dispose) {
        const std::uint64_t span = level_span(level);
        const std::uint64_t origin = first & ~(span * 512 - 1);
        Descriptor* const stop = table + level_index(last, level) + 1;
        for (Descriptor* entry = table + level_index(first, level);; ++entry) {
            entry = skip_holes(entry, stop);
            if (entry == stop) return;
            if (!is_table(*entry)) continue;
            const std::uint64_t begin = origin + static_cast<std::uint64_t>(entry - table) * span;
            const std::uint64_t end = begin + (span - 1);
            const PhysAddr below = output_address(*entry);
            if (level + 1 < leaf_level)
                unlink_below(Memory::table(below), level + 1, std::max(begin, first),
                             std::min(end, last), dispose);
            if (begin < first || end > last) continue;
            memory_.store(begin, level, *entry, 0);
            tables_--;
            dispose(below);
        }
    }

    static constexpr std::uint64_t no_tag = ~std::uint64_t{0};
    PhysAddr root_;
    std::size_t tables_ = 0;
    // The level 3 table that was walked to last: neighbouring pages are touched one after another.
    mutable std::uint64_t last_tag_ = no_tag;
    mutable Descriptor* last_table_ = nullptr;
    [[no_unique_address]] Memory memory_;
};

} // namespace drupe::arch::aarch64
