// SPDX-License-Identifier: BSD-2-Clause
// A circular doubly linked list threaded through its elements. Insertion cannot fail. A hook
// belongs to one list type; destroying or inserting an element that is still linked asserts.
#pragma once

#include <drupe/base/assert.h>

#include <cstddef>

namespace drupe {

class ListHook {
public:
    ListHook() = default;
    ~ListHook() { DRUPE_ASSERT(!is_linked()); }
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;
    bool is_linked() const { return next_ != nullptr; }

private:
    template <class T, ListHook T::*>
    friend class IntrusiveList;
    ListHook* prev_ = nullptr;
    ListHook* next_ = nullptr;
};

template <class T, ListHook T::*hook>
class IntrusiveList {
public:
    IntrusiveList() { root_.prev_ = root_.next_ = &root_; }
    ~IntrusiveList() {
        DRUPE_ASSERT(is_empty());
        root_.prev_ = root_.next_ = nullptr;
    }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;

    bool is_empty() const { return root_.next_ == &root_; }
    T* front() { return is_empty() ? nullptr : owner(root_.next_); }
    T* back() { return is_empty() ? nullptr : owner(root_.prev_); }
    T* next(T& element) { return after((element.*hook).next_); }
    T* prev(T& element) { return after((element.*hook).prev_); }

    void push_back(T& element) { link(element.*hook, root_.prev_, &root_); }
    void push_front(T& element) { link(element.*hook, &root_, root_.next_); }
    void insert_before(T& position, T& element) {
        link(element.*hook, (position.*hook).prev_, &(position.*hook));
    }
    static void remove(T& element) {
        ListHook& h = element.*hook;
        DRUPE_ASSERT(h.is_linked());
        h.prev_->next_ = h.next_;
        h.next_->prev_ = h.prev_;
        h.prev_ = h.next_ = nullptr;
    }
    T* pop_front() {
        T* first = front();
        if (first) remove(*first);
        return first;
    }

    /// Iteration; the current element may be removed when `next` was read before (see
    /// for_each_safe).
    class Iterator {
    public:
        Iterator(const IntrusiveList* list, ListHook* at) : list_(list), at_(at) {}
        T& operator*() const { return *owner(at_); }
        T* operator->() const { return owner(at_); }
        Iterator& operator++() {
            at_ = at_->next_;
            return *this;
        }
        bool operator==(const Iterator& other) const { return at_ == other.at_; }

    private:
        const IntrusiveList* list_;
        ListHook* at_;
    };
    Iterator begin() const { return {this, root_.next_}; }
    Iterator end() const { return {this, const_cast<ListHook*>(&root_)}; }

    /// Calls `visit` for each element; `visit` may remove the element it was given.
    template <class Visit>
    void for_each_safe(Visit visit) {
        for (ListHook* h = root_.next_; h != &root_;) {
            ListHook* following = h->next_;
            visit(*owner(h));
            h = following;
        }
    }

private:
    static T* owner(ListHook* h) {
        // The offset of a member named by a pointer-to-member, without an object at hand.
        alignas(T) static constexpr char probe[sizeof(T)] = {};
        auto* object = reinterpret_cast<const T*>(probe);
        auto offset = reinterpret_cast<const char*>(&(object->*hook)) - probe;
        return reinterpret_cast<T*>(reinterpret_cast<char*>(h) - offset);
    }
    T* after(ListHook* h) { return h == &root_ ? nullptr : owner(h); }
    static void link(ListHook& h, ListHook* before, ListHook* behind) {
        DRUPE_ASSERT(!h.is_linked());
        h.prev_ = before;
        h.next_ = behind;
        before->next_ = &h;
        behind->prev_ = &h;
    }
    ListHook root_;
};

} // namespace drupe
