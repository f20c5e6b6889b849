// SPDX-License-Identifier: BSD-2-Clause
// A word that several threads read and write, and that says nothing about any other: a counter, a
// limit, a switch. Every operation is relaxed, so it may be written like a plain one. Whatever
// orders something is a std::atomic, and names its orders.
#pragma once

#include <atomic>

namespace drupe {

template <class T>
class Relaxed {
public:
    constexpr Relaxed(T value = {}) : value_(value) {}
    // Copying is a load and a store, not one step.
    Relaxed(const Relaxed& other) : value_(other.load()) {}
    Relaxed& operator=(const Relaxed& other) { return *this = other.load(); }
    Relaxed& operator=(T value) {
        value_.store(value, std::memory_order_relaxed);
        return *this;
    }
    T load() const { return value_.load(std::memory_order_relaxed); }
    operator T() const { return load(); }

    // One step each. What stood there before is returned.
    T exchange(T value) { return value_.exchange(value, std::memory_order_relaxed); }
    T fetch_add(T by) { return value_.fetch_add(by, std::memory_order_relaxed); }
    T fetch_sub(T by) { return value_.fetch_sub(by, std::memory_order_relaxed); }
    T fetch_or(T bits) { return value_.fetch_or(bits, std::memory_order_relaxed); }
    T fetch_and(T bits) { return value_.fetch_and(bits, std::memory_order_relaxed); }
    T operator++(int) { return fetch_add(1); }
    T operator--(int) { return fetch_sub(1); }
    void operator+=(T by) { fetch_add(by); }
    void operator-=(T by) { fetch_sub(by); }

private:
    std::atomic<T> value_;
};

} // namespace drupe
