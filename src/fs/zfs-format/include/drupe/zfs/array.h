// SPDX-License-Identifier: BSD-2-Clause
// A growable array whose allocations can fail without an exception: the kernel links this library.
// Elements are moved with memcpy, so only trivially copyable types are admitted.
#pragma once

#include <drupe/base/result.h>
#include <drupe/zfs/bytes.h>

#include <new>

namespace drupe::zfs {

template <class T>
class Array {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    Array() = default;
    Array(Array&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    Array& operator=(Array&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~Array() { delete[] data_; }

    /// An array of `n` zeroed elements, or Errc::no_memory.
    static Result<Array> zeroed(std::size_t n) {
        Array a;
        TRY(a.resize(n));
        return a;
    }
    /// New elements are zero. Errc::no_memory leaves the array as it was.
    Result<void> resize(std::size_t n) {
        TRY(reserve(n));
        if (n > size_) std::memset(static_cast<void*>(data_ + size_), 0, (n - size_) * sizeof(T));
        size_ = n;
        return {};
    }
    Result<void> reserve(std::size_t n) {
        if (n <= capacity_) return {};
        std::size_t grown = capacity_ * 2 > n ? capacity_ * 2 : n;
        T* fresh = new (std::nothrow) T[grown];
        if (fresh == nullptr) return Errc::no_memory;
        if (size_ != 0) std::memcpy(static_cast<void*>(fresh), data_, size_ * sizeof(T));
        delete[] data_;
        data_ = fresh;
        capacity_ = grown;
        return {};
    }
    Result<void> push(const T& value) {
        T copy = value;
        TRY(reserve(size_ + 1));
        data_[size_++] = copy;
        return {};
    }
    Result<void> append(std::span<const T> values) {
        TRY(reserve(size_ + values.size()));
        if (!values.empty())
            std::memcpy(static_cast<void*>(data_ + size_), values.data(), values.size_bytes());
        size_ += values.size();
        return {};
    }
    void clear() { size_ = 0; }

    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    std::span<T> span() { return {data_, size_}; }
    std::span<const T> span() const { return {data_, size_}; }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

using Buffer = Array<std::byte>;

} // namespace drupe::zfs
