// SPDX-License-Identifier: BSD-2-Clause
// Result<T>: a value or an Errc, returned in registers when T is small. std::expected is C++23.
#pragma once

#include <drupe/base/assert.h>
#include <drupe/base/errc.h>

#include <cstdint>
#include <type_traits>
#include <utility>

namespace drupe {

namespace detail {
template <class T>
inline constexpr bool is_trivial_to_return =
    std::conjunction_v<std::is_trivially_move_constructible<T>, std::is_trivially_destructible<T>>;

// What a Result holds: several classes and not one with constrained special members (P0848), which
// clang 14 does not count as trivial, nor accepts in a union.
enum class ResultKind { scalar, trivial, other };
template <class T>
inline constexpr ResultKind result_kind = std::is_scalar_v<T>       ? ResultKind::scalar
                                          : is_trivial_to_return<T> ? ResultKind::trivial
                                                                    : ResultKind::other;

template <class T, ResultKind kind = result_kind<T>>
struct ResultStorage;

// No union: GCC keeps one in memory, and two words like these in registers.
template <class T>
struct ResultStorage<T, ResultKind::scalar> {
    using Stored = std::conditional_t<(alignof(T) < alignof(std::uint64_t)), Errc, std::uint64_t>;
    constexpr ResultStorage(T&& value) : value_(value), errc_(Stored(Errc::ok)) {}
    constexpr ResultStorage(Errc errc) : errc_(Stored(errc)) {}
    T value_{};
    Stored errc_;
};

template <class T>
struct ResultStorage<T, ResultKind::trivial> {
    // As wide as what it stands beside: GCC takes a structure with padding through memory, although
    // it is returned in two registers.
    using Stored = std::conditional_t<(alignof(T) < alignof(std::uint64_t)), Errc, std::uint64_t>;
    constexpr ResultStorage(T&& value) : value_(std::move(value)), errc_(Stored(Errc::ok)) {}
    constexpr ResultStorage(Errc errc) : empty_{}, errc_(Stored(errc)) {}
    struct Empty {};
    union {
        Empty empty_;
        T value_;
    };
    Stored errc_;
};

template <class T>
struct ResultStorage<T, ResultKind::other> {
    constexpr ResultStorage(T&& value) : value_(std::move(value)), errc_(Errc::ok) {}
    constexpr ResultStorage(Errc errc) : empty_{}, errc_(errc) {}
    constexpr ResultStorage(ResultStorage&& other) noexcept : empty_{}, errc_(other.errc_) {
        if (errc_ == Errc::ok) new (&value_) T(std::move(other.value_));
    }
    constexpr ~ResultStorage() {
        if (errc_ == Errc::ok) value_.~T();
    }
    struct Empty {};
    union {
        Empty empty_;
        T value_;
    };
    Errc errc_;
};
} // namespace detail

template <class T>
class [[nodiscard]] Result : detail::ResultStorage<T> {
    using Storage = detail::ResultStorage<T>;
    using Storage::errc_;
    using Storage::value_;

public:
    using Value = T;
    constexpr Result(T value) : Storage(std::move(value)) {}
    constexpr Result(Errc errc) : Storage(errc) { DRUPE_ASSERT(errc != Errc::ok); }
    constexpr Result(const Result&) = default; // deleted unless T is trivial
    constexpr Result(Result&&) = default;
    Result& operator=(const Result&) = delete;

    constexpr bool ok() const { return Errc(errc_) == Errc::ok; }
    constexpr explicit operator bool() const { return ok(); }
    constexpr Errc error() const { return Errc(errc_); }
    constexpr T& value() & {
        DRUPE_ASSERT(ok());
        return value_;
    }
    constexpr const T& value() const& {
        DRUPE_ASSERT(ok());
        return value_;
    }
    constexpr T&& value() && {
        DRUPE_ASSERT(ok());
        return std::move(value_);
    }
    constexpr T value_or(T fallback) && { return ok() ? std::move(value_) : std::move(fallback); }
    constexpr T&& take_unchecked() { return std::move(value_); }
};

template <>
class [[nodiscard]] Result<void> {
public:
    using Value = void;
    constexpr Result() = default;
    constexpr Result(Errc errc) : errc_(errc) {}
    constexpr bool ok() const { return errc_ == Errc::ok; }
    constexpr explicit operator bool() const { return ok(); }
    constexpr Errc error() const { return errc_; }
    constexpr void value() const { DRUPE_ASSERT(ok()); }
    constexpr void take_unchecked() {}

private:
    Errc errc_ = Errc::ok;
};

} // namespace drupe

/// Evaluates to the value of a Result, or returns its error from the enclosing function.
/// (The value is a new object: a Result<T*>, never a Result<T&>, carries a borrow.)
#define TRY(expression) DRUPE_TRY_NUMBERED(expression, __COUNTER__)
#define DRUPE_TRY_NUMBERED(expression, number) DRUPE_TRY_PASTE(expression, number)
#define DRUPE_TRY_PASTE(expression, number) DRUPE_TRY_AS(expression, drupe_try_##number)
#define DRUPE_TRY_AS(expression, name)                                                             \
    __extension__({                                                                                \
        auto&& name = (expression);                                                                \
        if (__builtin_expect(!name.ok(), 0)) return name.error();                                  \
        name.take_unchecked();                                                                     \
    })
