// SPDX-License-Identifier: BSD-2-Clause
// OwnPtr<T> owns; RefPtr<T> shares, only where two owners have independent lives (open files,
// memory objects). A shared class derives from RefCounted<T>.
#pragma once

#include <drupe/base/assert.h>
#include <drupe/base/result.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

namespace drupe {

template <class T>
class RefCounted {
public:
    RefCounted() = default;
    RefCounted(const RefCounted&) = delete;
    RefCounted& operator=(const RefCounted&) = delete;
    void retain() const { count_.fetch_add(1, std::memory_order_relaxed); }
    /// For tables that hold no reference: false when the object is on its way out. The caller keeps
    /// it from being freed meanwhile (the table's lock, which the destructor takes).
    [[nodiscard]] bool try_retain() const {
        std::uint32_t seen = count_.load(std::memory_order_relaxed);
        do
            if (seen == 0) return false;
        while (!count_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed));
        return true;
    }
    /// Drops one reference; the last one destroys the object through `T::destroy`, default
    /// `delete`.
    void release() const {
        // The releases of all owners happen before the destruction: pairs with itself.
        if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            T::destroy(const_cast<T*>(static_cast<const T*>(this)));
    }
    /// Drops one reference and says whether it was the last: the caller then destroys the object.
    /// For chains, where destroying inside release() would recurse.
    bool release_is_last() const { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
    static void destroy(T* object) { delete object; }
    /// Acquire: whoever finds itself the only owner sees what the others did before they let go.
    std::uint32_t use_count() const { return count_.load(std::memory_order_acquire); }

protected:
    ~RefCounted() = default;

private:
    mutable std::atomic<std::uint32_t> count_{1};
};

template <class T>
class RefPtr {
public:
    constexpr RefPtr() = default;
    constexpr RefPtr(std::nullptr_t) {}
    explicit RefPtr(T* shared) : object_(shared) {
        if (object_) object_->retain();
    }
    /// Takes over the reference a new object is born with.
    static RefPtr adopt(T* fresh) {
        RefPtr p;
        p.object_ = fresh;
        return p;
    }
    RefPtr(const RefPtr& other) : RefPtr(other.object_) {}
    RefPtr(RefPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
    RefPtr(const RefPtr<U>& other) : RefPtr(static_cast<T*>(other.get())) {}
    template <class U>
    RefPtr(RefPtr<U>&& other) noexcept : object_(other.leak()) {}
    RefPtr& operator=(RefPtr other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~RefPtr() {
        if (object_) object_->release();
    }
    T* get() const { return object_; }
    T& operator*() const { return *object_; }
    T* operator->() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }
    bool operator==(const RefPtr& other) const { return object_ == other.object_; }
    /// Gives the reference away without dropping it.
    T* leak() { return std::exchange(object_, nullptr); }

private:
    T* object_ = nullptr;
};

template <class T>
class OwnPtr {
public:
    constexpr OwnPtr() = default;
    constexpr OwnPtr(std::nullptr_t) {}
    explicit OwnPtr(T* owned) : object_(owned) {}
    OwnPtr(OwnPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
    OwnPtr(OwnPtr<U>&& other) noexcept : object_(other.leak()) {}
    OwnPtr& operator=(OwnPtr other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~OwnPtr() { delete object_; }
    T* get() const { return object_; }
    T& operator*() const { return *object_; }
    T* operator->() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }
    T* leak() { return std::exchange(object_, nullptr); }

private:
    T* object_ = nullptr;
};

/// Allocates and constructs; out of memory is a value.
template <class T, class... Args>
Result<OwnPtr<T>> make_own(Args&&... args) {
    T* object = new (std::nothrow) T(std::forward<Args>(args)...);
    if (!object) return Errc::no_memory;
    return OwnPtr<T>(object);
}
template <class T, class... Args>
Result<RefPtr<T>> make_ref(Args&&... args) {
    T* object = new (std::nothrow) T(std::forward<Args>(args)...);
    if (!object) return Errc::no_memory;
    return RefPtr<T>::adopt(object);
}

} // namespace drupe
