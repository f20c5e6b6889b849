// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/base/ref_ptr.h>
#include <drupe/base/result.h>

#include <type_traits>

using namespace drupe;

static Result<int> half(int n) {
    if (n % 2) return Errc::invalid;
    return n / 2;
}
static Result<int> quarter(int n) { return TRY(half(TRY(half(n)))); }

TEST_CASE("TRY passes a value on and an error up") {
    CHECK(quarter(8).value() == 2);
    CHECK(quarter(6).error() == Errc::invalid);
}
TEST_CASE("taking the value of an error asserts") { CHECK_THROWS(half(3).value()); }

// What returns in registers without a Result does so with one.
static_assert(std::is_trivially_copy_constructible_v<Result<int>>);
static_assert(std::is_trivially_move_constructible_v<Result<int>>);
static_assert(std::is_trivially_destructible_v<Result<int*>>);
static_assert(sizeof(Result<int*>) == 2 * sizeof(int*));
// What owns is moved, never copied.
static_assert(!std::is_copy_constructible_v<Result<OwnPtr<int>>>);
static_assert(std::is_nothrow_move_constructible_v<Result<OwnPtr<int>>>);
static_assert(!std::is_trivially_destructible_v<Result<OwnPtr<int>>>);

struct Counted : RefCounted<Counted> {
    explicit Counted(int& alive) : alive_(alive) { alive_++; }
    ~Counted() { alive_--; }
    int& alive_;
};
TEST_CASE("the last reference destroys the object once") {
    int alive = 0;
    {
        RefPtr<Counted> a = make_ref<Counted>(alive).value();
        RefPtr<Counted> b = a;
        a = nullptr;
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}
TEST_CASE("a Result that owns moves its value out") {
    auto r = make_own<int>(7);
    OwnPtr<int> p = std::move(r).value();
    CHECK(*p == 7);
}
