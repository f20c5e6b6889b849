// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/arch/backtrace.h>

using namespace drupe::arch;

struct Stack {
    alignas(16) std::uint64_t words[64] = {};
    std::uint64_t at(unsigned i) const { return reinterpret_cast<std::uint64_t>(&words[i]); }
    std::uint64_t low() const { return at(0); }
    std::uint64_t high() const { return at(0) + sizeof words; }
    void record(unsigned i, std::uint64_t previous, std::uint64_t pc) {
        words[i] = previous, words[i + 1] = pc;
    }
};

TEST_CASE("a chain of frame records is followed to its end") {
    Stack s;
    s.record(2, s.at(10), 0x100);
    s.record(10, s.at(20), 0x200);
    s.record(20, 0, 0x300);
    std::uint64_t out[8];
    REQUIRE(unwind(s.at(2), s.low(), s.high(), out) == 3);
    CHECK(out[2] == 0x300);
}
TEST_CASE("a broken chain ends the walk without a read outside the stack") {
    Stack s;
    std::uint64_t out[8];
    s.record(2, s.at(2), 0x100); // to itself
    CHECK(unwind(s.at(2), s.low(), s.high(), out) == 1);
    s.record(2, 0xdead'0000, 0x100);
    CHECK(unwind(s.at(2), s.low(), s.high(), out) == 1);
    CHECK(unwind(s.at(2) + 8, s.low(), s.high(), out) == 0);
    CHECK(unwind(s.high(), s.low(), s.high(), out) == 0);
    s.record(62, 0, 0x100);
    CHECK(unwind(s.at(62), s.low(), s.high(), out) == 1);
}
