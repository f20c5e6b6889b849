// SPDX-License-Identifier: BSD-2-Clause
// A pairing heap threaded through its elements: insertion cannot fail and costs one comparison,
// taking the first or any other element O(log n) amortised. `Before` is a strict weak order.
#pragma once

#include <drupe/base/assert.h>

#include <utility>

namespace drupe {

class HeapHook {
public:
    constexpr HeapHook() = default;
    ~HeapHook() { DRUPE_ASSERT(!is_linked()); }
    HeapHook(const HeapHook&) = delete;
    HeapHook& operator=(const HeapHook&) = delete;
    bool is_linked() const { return previous_ != nullptr; }

private:
    template <class T, HeapHook T::*, class Before>
    friend class PairingHeap;
    HeapHook* child_ = nullptr;    // first child
    HeapHook* sibling_ = nullptr;  // next child of the same parent
    HeapHook* previous_ = nullptr; // sibling before, or parent; the root points to itself
};

template <class T, HeapHook T::*hook, class Before>
class PairingHeap {
public:
    constexpr PairingHeap() = default;
    PairingHeap(const PairingHeap&) = delete;
    PairingHeap& operator=(const PairingHeap&) = delete;

    bool is_empty() const { return root_ == nullptr; }
    T* top() const { return root_ ? owner(root_) : nullptr; }

    void insert(T& element) {
        HeapHook* h = &(element.*hook);
        DRUPE_ASSERT(!h->is_linked());
        set_root(root_ ? meld(root_, h) : h);
    }
    T* pop() {
        if (!root_) return nullptr;
        HeapHook* first = root_;
        set_root(merge_pairs(first->child_));
        first->child_ = first->sibling_ = first->previous_ = nullptr;
        return owner(first);
    }
    void remove(T& element) {
        HeapHook* h = &(element.*hook);
        DRUPE_ASSERT(h->is_linked());
        if (h == root_) {
            pop();
            return;
        }
        if (h->previous_->child_ == h)
            h->previous_->child_ = h->sibling_;
        else
            h->previous_->sibling_ = h->sibling_;
        if (h->sibling_) h->sibling_->previous_ = h->previous_;
        if (HeapHook* orphans = merge_pairs(h->child_)) set_root(meld(root_, orphans));
        h->child_ = h->sibling_ = h->previous_ = nullptr;
    }

    /// Visits every element in no particular order; for checkers. `visit` must not change the heap.
    template <class Visit>
    void for_each(Visit visit) const {
        // Preorder without a stack: previous_ leads from a first child to its parent.
        for (HeapHook* h = root_; h;) {
            visit(*owner(h));
            if (h->child_) {
                h = h->child_;
                continue;
            }
            while (h && !h->sibling_) h = parent(h);
            if (h) h = h->sibling_;
        }
    }

private:
    static T* owner(HeapHook* h) {
        alignas(T) static constexpr char probe[sizeof(T)] = {};
        auto* object = reinterpret_cast<const T*>(probe);
        auto offset = reinterpret_cast<const char*>(&(object->*hook)) - probe;
        return reinterpret_cast<T*>(reinterpret_cast<char*>(h) - offset);
    }
    static HeapHook* parent(HeapHook* h) {
        while (h->previous_ != h && h->previous_->child_ != h) h = h->previous_;
        return h->previous_ == h ? nullptr : h->previous_;
    }
    void set_root(HeapHook* h) {
        root_ = h;
        if (!h) return;
        h->sibling_ = nullptr;
        h->previous_ = h;
    }
    static HeapHook* meld(HeapHook* a, HeapHook* b) {
        if (Before{}(*owner(b), *owner(a))) std::swap(a, b);
        b->sibling_ = a->child_;
        if (b->sibling_) b->sibling_->previous_ = b;
        b->previous_ = a;
        a->child_ = b;
        return a;
    }
    /// Melds a list of siblings in pairs from the left, then the pairs from the right: without the
    /// pairing a long list would make every later removal linear.
    static HeapHook* merge_pairs(HeapHook* first) {
        HeapHook* pairs = nullptr;
        while (first) {
            HeapHook* a = first;
            HeapHook* b = a->sibling_;
            first = b ? b->sibling_ : nullptr;
            a->sibling_ = nullptr;
            HeapHook* pair = b ? (b->sibling_ = nullptr, meld(a, b)) : a;
            pair->sibling_ = pairs;
            pairs = pair;
        }
        HeapHook* merged = nullptr;
        while (pairs) {
            HeapHook* rest = std::exchange(pairs->sibling_, nullptr);
            merged = merged ? meld(merged, pairs) : pairs;
            pairs = rest;
        }
        return merged;
    }
    HeapHook* root_ = nullptr;
};

} // namespace drupe
