// SPDX-License-Identifier: BSD-2-Clause
// An AVL tree threaded through its elements, ordered by the caller, with a hook to keep a summary
// of each subtree (the largest gap, say). Insertion cannot fail. Traits names the parts:
//
//   struct Traits {
//       static constexpr TreeHook T::*hook;
//       static void summarize(T&);   // recompute the element's summary from itself and its
//       children
//   };
//
// The tree never compares: the caller walks with root(), left(), right() and says where to link.
#pragma once

#include <drupe/base/assert.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace drupe {

class TreeHook {
public:
    TreeHook() = default;
    ~TreeHook() { DRUPE_ASSERT(!is_linked()); }
    TreeHook(const TreeHook&) = delete;
    TreeHook& operator=(const TreeHook&) = delete;
    bool is_linked() const { return height_ != 0; }

private:
    template <class T, class Traits>
    friend class IntrusiveTree;
    TreeHook* parent_ = nullptr;
    TreeHook* child_[2] = {nullptr, nullptr};
    std::int32_t height_ = 0; // 0: in no tree
};

template <class T, class Traits>
class IntrusiveTree {
public:
    enum Side : unsigned { left_side = 0, right_side = 1 };

    IntrusiveTree() = default;
    ~IntrusiveTree() { DRUPE_ASSERT(is_empty()); }
    IntrusiveTree(const IntrusiveTree&) = delete;
    IntrusiveTree& operator=(const IntrusiveTree&) = delete;

    bool is_empty() const { return root_ == nullptr; }
    T* root() const { return owner(root_); }
    static T* left(const T& at) { return owner(hook_of(at).child_[0]); }
    static T* right(const T& at) { return owner(hook_of(at).child_[1]); }
    T* first() const { return extreme(left_side); }
    T* last() const { return extreme(right_side); }
    static T* next(const T& at) { return neighbour(at, right_side); }
    static T* prev(const T& at) { return neighbour(at, left_side); }

    /// Links `fresh` as the `side` child of `parent` (which has none there); null: as the root of
    /// an empty tree. The caller has found the place that keeps its order.
    void link(T& fresh, T* parent, Side side) {
        TreeHook& h = hook_of(fresh);
        DRUPE_ASSERT(!h.is_linked());
        h.parent_ = parent ? &hook_of(*parent) : nullptr;
        h.child_[0] = h.child_[1] = nullptr;
        TreeHook*& place = parent ? h.parent_->child_[side] : root_;
        DRUPE_ASSERT(place == nullptr);
        place = &h;
        rebalance(&h);
    }

    void remove(T& element) {
        TreeHook& h = hook_of(element);
        DRUPE_ASSERT(h.is_linked());
        TreeHook* from; // the lowest place whose subtree changed
        if (h.child_[0] && h.child_[1]) {
            TreeHook* heir = h.child_[1];
            while (heir->child_[0]) heir = heir->child_[0];
            from = heir->parent_ == &h ? heir : heir->parent_;
            if (from != heir) {
                replace(*heir, heir->child_[1]);
                adopt(*heir, right_side, h.child_[1]);
            }
            replace(h, heir);
            adopt(*heir, left_side, h.child_[0]);
        } else {
            from = h.parent_;
            replace(h, h.child_[h.child_[0] ? 0 : 1]);
        }
        h.parent_ = h.child_[0] = h.child_[1] = nullptr;
        h.height_ = 0;
        rebalance(from);
    }

    /// To be called after the element's own part of the summary changed.
    void update(T& element) {
        for (TreeHook* h = &hook_of(element); h; h = h->parent_) Traits::summarize(*owner(h));
    }

private:
    static TreeHook& hook_of(T& element) { return element.*Traits::hook; }
    static const TreeHook& hook_of(const T& element) { return element.*Traits::hook; }
    static T* owner(TreeHook* h) {
        if (!h) return nullptr;
        // The offset of a member named by a pointer-to-member, without an object at hand.
        alignas(T) static constexpr char probe[sizeof(T)] = {};
        auto* object = reinterpret_cast<const T*>(probe);
        auto offset = reinterpret_cast<const char*>(&(object->*Traits::hook)) - probe;
        return reinterpret_cast<T*>(reinterpret_cast<char*>(h) - offset);
    }
    static std::int32_t height(const TreeHook* h) { return h ? h->height_ : 0; }

    T* extreme(unsigned side) const {
        TreeHook* h = root_;
        while (h && h->child_[side]) h = h->child_[side];
        return owner(h);
    }
    static T* neighbour(const T& at, unsigned side) {
        const TreeHook* h = &hook_of(at);
        if (h->child_[side]) {
            TreeHook* n = h->child_[side];
            while (n->child_[side ^ 1]) n = n->child_[side ^ 1];
            return owner(n);
        }
        while (h->parent_ && h->parent_->child_[side] == h) h = h->parent_;
        return owner(h->parent_);
    }

    static void adopt(TreeHook& parent, unsigned side, TreeHook* child) {
        parent.child_[side] = child;
        if (child) child->parent_ = &parent;
    }
    /// `by` takes the place of `old` below old's parent.
    void replace(TreeHook& old, TreeHook* by) {
        TreeHook* parent = old.parent_;
        if (!parent)
            root_ = by;
        else
            parent->child_[parent->child_[1] == &old ? 1 : 0] = by;
        if (by) by->parent_ = parent;
    }
    static void refresh(TreeHook& h) {
        const std::int32_t l = height(h.child_[0]), r = height(h.child_[1]);
        h.height_ = (l > r ? l : r) + 1;
        Traits::summarize(*owner(&h));
    }
    /// Moves h's `side` child up into h's place; returns it.
    TreeHook* rotate(TreeHook& h, unsigned side) {
        TreeHook& up = *h.child_[side];
        replace(h, &up);
        adopt(h, side, up.child_[side ^ 1]);
        adopt(up, side ^ 1, &h);
        refresh(h);
        refresh(up);
        return &up;
    }
    /// Restores balance and summaries from `h` up to the root.
    void rebalance(TreeHook* h) {
        while (h) {
            const std::int32_t lean = height(h->child_[1]) - height(h->child_[0]);
            if (lean > 1 || lean < -1) {
                const unsigned heavy = lean > 0 ? 1 : 0;
                TreeHook& child = *h->child_[heavy];
                if (height(child.child_[heavy ^ 1]) > height(child.child_[heavy]))
                    rotate(child, heavy ^ 1);
                h = rotate(*h, heavy);
            } else {
                refresh(*h);
            }
            h = h->parent_;
        }
    }

    TreeHook* root_ = nullptr;
};

} // namespace drupe
