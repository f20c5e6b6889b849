// SPDX-License-Identifier: BSD-2-Clause
// PageTable of drupe/arch/page_table.h, over a Machine that reaches tables and works TLBs: the real
// one, and the build machine's which checks every step. Machine offers what TableTree asks of
// Memory, is movable, and
//   static Machine user(), Machine kernel()
//   void flush_pages(va, count), flush_all()    leaves; complete on return on all CPUs
//   void flush_walks()                          as flush_all, and walks cached above the leaves
//   void activate(root, cpu), static void deactivate(), void publish()
//   void destroyed()                            it is active nowhere and never will be
#pragma once

#include <drupe/arch/aarch64/table_tree.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace drupe::arch::aarch64 {

/// Above this many pages one flush of the whole space is cheaper than one per page.
inline constexpr std::size_t flush_pages_most = 64;

template <class Machine>
class PageTableOver {
public:
    static Result<PageTableOver> create() {
        const PhysAddr root = TRY(Machine::alloc_table());
        return PageTableOver(root, Machine::user(), false);
    }
    static PageTableOver adopt_kernel(PhysAddr root) {
        return PageTableOver(root, Machine::kernel(), true);
    }
    PageTableOver(PageTableOver&& other) noexcept
        : tree_(std::move(other.tree_)), kernel_(other.kernel_), owned_(other.owned_) {
        other.owned_ = false;
    }
    PageTableOver& operator=(PageTableOver&&) = delete;
    ~PageTableOver() {
        if (!owned_) return;
        tree_.memory().destroyed();
        tree_.unlink_tables(0, std::uint64_t{1} << 48, [](PhysAddr t) { Machine::free_table(t); });
        Machine::free_table(tree_.root());
    }

    Result<void> map(VirtAddr va, PhysAddr frame, Perm perm, MemoryType type = MemoryType::normal) {
        return map_leaf(va, frame, perm, type, leaf_level);
    }
    Result<void> map_block(VirtAddr va, PhysAddr frame, Perm perm, MemoryType type,
                           std::uint64_t bytes) {
        const unsigned level = bytes == level_span(2) ? 2 : 1;
        DRUPE_ASSERT(bytes == level_span(level) && is_aligned(va, bytes) &&
                     is_aligned(frame, bytes));
        return map_leaf(va, frame, perm, type, level);
    }

    /// One walk for all: the range lies in one table of leaves.
    template <class Choose>
    std::size_t fill(VirtAddr va, PageCount pages, Perm perm, Choose&& choose) {
        const Place place = tree_.find(raw(va));
        if (place.level != leaf_level) return 0; // no table, so no neighbour to fill up beside
        DRUPE_ASSERT((raw(va) & (level_span(2) - 1)) + pages.bytes() <= level_span(2));
        tree_.note_leaves(raw(va), pages.n);
        const Descriptor kind =
            leaf_descriptor(PhysAddr{0}, perm, MemoryType::normal, isolation(), leaf_level);
        std::size_t filled = 0;
        for (std::size_t i = 0; i < pages.n; ++i) {
            if (place.entry[i] != 0) continue;
            const PhysAddr frame = choose(i);
            if (raw(frame) == 0) continue;
            tree_.store(raw(va) + i * page_size, leaf_level, place.entry[i], kind | raw(frame));
            ++filled;
        }
        return filled;
    }

    Mapping unmap(VirtAddr va) {
        const Place place = tree_.find(raw(va));
        const Mapping was = decode_leaf(*place.entry, isolation());
        if (*place.entry != 0) {
            DRUPE_ASSERT(place.level == leaf_level);
            tree_.store(raw(va), place.level, *place.entry, 0);
        }
        return was;
    }
    template <class Each>
    void unmap_range(VirtAddr va, PageCount pages, Each&& each) {
        tree_.for_each_leaf(raw(va), pages.bytes(),
                            [&](std::uint64_t at, Descriptor& entry, unsigned level) {
                                DRUPE_ASSERT(level == leaf_level);
                                const Mapping was = decode_leaf(entry, isolation());
                                tree_.store(at, level, entry, 0);
                                each(VirtAddr{at}, was);
                            });
    }
    template <class Each>
    void for_each(VirtAddr va, PageCount pages, Each&& each) {
        tree_.for_each_leaf(raw(va), pages.bytes(),
                            [&](std::uint64_t at, Descriptor& entry, unsigned) {
                                each(VirtAddr{at}, decode_leaf(entry, isolation()));
                            });
    }
    bool protect(VirtAddr va, Perm perm) {
        const Place place = tree_.find(raw(va));
        if (*place.entry == 0) return false;
        change(raw(va), place.level, *place.entry, perm);
        return true;
    }
    template <class Decide>
    void protect_range(VirtAddr va, PageCount pages, Decide&& decide) {
        tree_.for_each_leaf(
            raw(va), pages.bytes(), [&](std::uint64_t at, Descriptor& entry, unsigned level) {
                change(at, level, entry, decide(VirtAddr{at}, decode_leaf(entry, isolation())));
            });
    }
    Mapping query(VirtAddr va) const {
        const Place place = tree_.find(raw(va));
        Mapping m = decode_leaf(*place.entry, isolation());
        m.frame = m.frame + (raw(va) & (level_span(place.level) - 1) & ~std::uint64_t{page_mask});
        return m;
    }

    /// Bytes that the leaf at `va` covers; page_size on a hole.
    std::uint64_t leaf_bytes(VirtAddr va) const {
        const Place place = tree_.find(raw(va));
        return *place.entry != 0 ? level_span(place.level) : page_size;
    }

    void free_tables(VirtAddr va, PageCount pages) {
        constexpr unsigned batch_most = 16;
        PhysAddr batch[batch_most];
        unsigned count = 0;
        auto drain = [&] {
            tree_.memory().flush_walks();
            while (count > 0) Machine::free_table(batch[--count]);
        };
        tree_.unlink_tables(raw(va), pages.bytes(), [&](PhysAddr table) {
            if (count == batch_most) drain();
            batch[count++] = table;
        });
        if (count > 0) drain();
    }
    std::size_t tables() const { return tree_.tables() + 1; }

    void activate(unsigned cpu) { tree_.memory().activate(tree_.root(), cpu); }
    static void deactivate() { Machine::deactivate(); }
    void publish() { tree_.memory().publish(); }
    void flush(VirtAddr va, PageCount pages) {
        if (pages.n > flush_pages_most)
            tree_.memory().flush_all();
        else
            tree_.memory().flush_pages(raw(va), pages.n);
    }
    void flush_all() { tree_.memory().flush_all(); }

    /// For the build machine's model of a CPU.
    const TableTree<Machine>& tree() const { return tree_; }
    Machine& machine() { return tree_.memory(); }

private:
    using Place = typename TableTree<Machine>::Place;
    PageTableOver(PhysAddr root, Machine machine, bool kernel)
        : tree_(root, std::move(machine), !kernel), kernel_(kernel), owned_(!kernel) {}

    Result<void> map_leaf(VirtAddr va, PhysAddr frame, Perm perm, MemoryType type, unsigned level) {
        DRUPE_ASSERT(has(perm, Perm::user) != kernel_);
        Descriptor* entry = TRY(tree_.make(raw(va), level));
        DRUPE_ASSERT(*entry == 0);
        tree_.store(raw(va), level, *entry, leaf_descriptor(frame, perm, type, isolation(), level));
        return {};
    }
    void change(std::uint64_t va, unsigned level, Descriptor& entry, Perm perm) {
        const Descriptor value = with_permission(entry, perm, isolation());
        if (value != entry) tree_.store(va, level, entry, value);
    }

    TableTree<Machine> tree_;
    bool kernel_;
    bool owned_;
};

} // namespace drupe::arch::aarch64
