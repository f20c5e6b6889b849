// SPDX-License-Identifier: BSD-2-Clause
// Page number -> frame: a radix tree of 64-way nodes that is as high as its largest number needs;
// an object of one page has no node at all. Not locked.
#pragma once

#include <drupe/base/assert.h>
#include <drupe/base/result.h>
#include <drupe/base/units.h>

#include <cstdint>

namespace drupe::mm {

class PageIndex {
public:
    PageIndex() = default;
    ~PageIndex() { DRUPE_ASSERT(root_ == 0); }
    PageIndex(const PageIndex&) = delete;
    PageIndex& operator=(const PageIndex&) = delete;

    /// Numbers lie below this: no file is larger than 2^63 bytes.
    static constexpr std::uint64_t limit = std::uint64_t{1} << 51;

private:
    static constexpr unsigned node_bits = 6;
    static constexpr unsigned node_slots = 1u << node_bits;
    struct Node {
        std::uint64_t slots[node_slots]; // Node*, or PhysAddr in the lowest; 0: nothing
    };
    static_assert(sizeof(Node) == 512);

public:
    /// The frame, or address 0 (which no page cache holds) when there is none.
    PhysAddr find(std::uint64_t index) const {
        if (index >> (node_bits * height_) != 0) return PhysAddr{0};
        std::uint64_t at = root_;
        for (unsigned shift = node_bits * height_; shift != 0 && at != 0;) {
            shift -= node_bits;
            at = reinterpret_cast<const Node*>(at)->slots[index >> shift & (node_slots - 1)];
        }
        return PhysAddr{at};
    }
    /// find() for numbers near one another, each a load within a node. Nothing changes meanwhile.
    class Cursor {
    public:
        explicit Cursor(const PageIndex& index) : index_(index) {}
        PhysAddr find(std::uint64_t index) {
            if (index - first_ >= node_slots || !node_) {
                node_ = index_.lowest_node(index);
                first_ = index & ~std::uint64_t{node_slots - 1};
                if (!node_) return index_.find(index); // a single page has no node
            }
            return PhysAddr{node_->slots[index - first_]};
        }

    private:
        const PageIndex& index_;
        const Node* node_ = nullptr;
        std::uint64_t first_ = 0;
    };
    /// Precondition: no frame is there. no_memory.
    Result<void> insert(std::uint64_t index, PhysAddr frame);
    /// Takes out everything from `first` on and calls each(frame).
    template <class Each>
    void remove_from(std::uint64_t first, Each&& each) {
        remove_range(first, limit, each);
    }
    /// The same for [first, end).
    template <class Each>
    void remove_range(std::uint64_t first, std::uint64_t end, Each&& each) {
        if (first >> (node_bits * height_) != 0 || first >= end) return;
        root_ = remove_below(root_, height_, first, end, each);
        if (root_ == 0) height_ = 0;
    }
    /// Takes out one number, which has a frame.
    void remove(std::uint64_t index);
    /// The first number >= `from` that has a frame; `limit` when none has.
    std::uint64_t next(std::uint64_t from) const {
        if (from >> (node_bits * height_) != 0) return limit;
        return next_below(root_, height_, from);
    }

private:
    const Node* lowest_node(std::uint64_t index) const;
    Result<void> raise();
    static void free_node(Node* node);

    static std::uint64_t next_below(std::uint64_t at, unsigned height, std::uint64_t from);

    template <class Each>
    static std::uint64_t remove_below(std::uint64_t at, unsigned height, std::uint64_t first,
                                      std::uint64_t end, Each& each) {
        if (at == 0) return 0;
        if (height == 0) {
            each(PhysAddr{at});
            return 0;
        }
        auto* node = reinterpret_cast<Node*>(at);
        const unsigned shift = node_bits * (height - 1);
        bool empty = true;
        for (std::uint64_t i = 0; i < node_slots; i++) {
            const std::uint64_t from = i << shift, to = (i + 1) << shift;
            if (to > first && from < end)
                node->slots[i] = remove_below(node->slots[i], height - 1,
                                              first > from ? first - from : 0, end - from, each);
            empty = empty && node->slots[i] == 0;
        }
        if (!empty) return at;
        free_node(node);
        return 0;
    }

    std::uint64_t root_ = 0; // height 0: the frame of page 0
    unsigned height_ = 0;
};

} // namespace drupe::mm
