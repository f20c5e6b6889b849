// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/base/relaxed.h>

#include <catch2/catch.hpp>

#include <cstdint>
#include <type_traits>

using drupe::Relaxed;

TEST_CASE("a relaxed word is written and read like a plain one") {
    Relaxed<std::uint32_t> word{7};
    CHECK(word == 7);
    word = 8;
    CHECK(word.load() == 8);
    word += 4;
    word -= 2;
    CHECK(word == 10);
    Relaxed<bool> flag;
    CHECK(!flag);
    flag = true;
    CHECK(flag);
}

TEST_CASE("steps of a relaxed word return what was there before") {
    Relaxed<std::uint16_t> word{5};
    CHECK(word++ == 5);
    CHECK(word-- == 6);
    CHECK(word.exchange(9) == 5);
    CHECK(word.fetch_or(6) == 9);
    CHECK(word.fetch_and(3) == 15);
    CHECK(word.fetch_add(2) == 3);
    CHECK(word.fetch_sub(1) == 5);
    CHECK(word == 4);
}

TEST_CASE("a relaxed word is copied by its value") {
    Relaxed<int> first{3}, second{first};
    first = 4;
    CHECK(second == 3);
    second = first;
    CHECK(second == 4);
    first = second = 6;
    CHECK(first == 6);
}

TEST_CASE("a relaxed word takes the room of a plain one") {
    STATIC_REQUIRE(sizeof(Relaxed<std::uint16_t>) == 2);
    STATIC_REQUIRE(alignof(Relaxed<void*>) == alignof(void*));
    STATIC_REQUIRE(std::is_trivially_destructible_v<Relaxed<int>>);
}
