// SPDX-License-Identifier: BSD-2-Clause
// Trace points: DRUPE_TRACE(sched, "switch {} -> {}", from, to). Each CPU has a ring of fixed
// records; without rings, or with the category off, a trace point costs a load and a branch.
#pragma once

#include <drupe/base/format.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace drupe::trace {

enum class Category : std::uint32_t {
    irq = 1u << 0,
    sched = 1u << 1,
    mm = 1u << 2,
    syscall = 1u << 3,
    vfs = 1u << 4,
    process = 1u << 5,
    driver = 1u << 6,
    net = 1u << 7,
};

/// What a trace point is; one constant for each place in the code.
struct Point {
    std::string_view format; // up to three {}
    Category category;
};

struct Record {
    std::uint64_t ticks;
    const Point* point;
    std::uint64_t args[3];
};

extern std::atomic<std::uint32_t> enabled_categories;

/// Gives a CPU its ring (a power of two of records, for ever); before that it records nothing.
/// Thread context.
void attach_ring(std::uint32_t cpu, std::span<Record> records);
/// Which CPU runs the caller. Until it is set, CPU 0.
void install_cpu_index(std::uint32_t (*current_cpu)());
void record(const Point& point, std::uint64_t a, std::uint64_t b, std::uint64_t c);
/// The newest records of a CPU, oldest first; how many. Recording of that CPU may go on: the oldest
/// ones returned may then be torn, so callers switch categories off first.
std::size_t snapshot(std::uint32_t cpu, std::span<Record> out);
/// One line of text for a record.
void print(FormatSink& sink, const Record& record);

template <class T>
std::uint64_t as_word(const T& value) {
    if constexpr (std::is_pointer_v<T>)
        return reinterpret_cast<std::uintptr_t>(value);
    else
        return static_cast<std::uint64_t>(value);
}
inline bool is_enabled(Category category) {
    return (enabled_categories.load(std::memory_order_relaxed) &
            static_cast<std::uint32_t>(category)) != 0;
}
template <class... Args>
requires(sizeof...(Args) <= 3) void record_args(const Point& point, const Args&... args) {
    const std::uint64_t words[3] = {as_word(args)...};
    record(point, words[0], words[1], words[2]);
}

} // namespace drupe::trace

#define DRUPE_TRACE(category_name, text, ...)                                                      \
    do {                                                                                           \
        if (::drupe::trace::is_enabled(::drupe::trace::Category::category_name)) {                 \
            static constexpr ::drupe::trace::Point drupe_trace_point{                              \
                text, ::drupe::trace::Category::category_name};                                    \
            ::drupe::trace::record_args(drupe_trace_point __VA_OPT__(, ) __VA_ARGS__);             \
        }                                                                                          \
    } while (false)
