// SPDX-License-Identifier: BSD-2-Clause
// Named event counters: DRUPE_COUNTER(minor_faults, "mm.fault.minor"); … minor_faults.add();
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace drupe::trace {

class Counter {
public:
    explicit constexpr Counter(std::string_view name) : name_(name) {}
    /// Any context. Counts exactly, from any CPU.
    void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }
    std::string_view name() const { return name_; }

private:
    std::string_view name_;
    std::atomic<std::uint64_t> value_{0};
};

/// Every counter of this image, in no order.
std::span<Counter* const> all_counters();

} // namespace drupe::trace

/// At namespace scope. The linker collects pointers in the section drupe_counters.
#define DRUPE_COUNTER(identifier, text)                                                            \
    static constinit ::drupe::trace::Counter identifier(text);                                     \
    [[gnu::used, gnu::section("drupe_counters")]] static constinit ::drupe::trace::Counter* const  \
        identifier##_counter_entry = &identifier
