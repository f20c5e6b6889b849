// SPDX-License-Identifier: BSD-2-Clause
// That programs choose as on Linux is in sim/unix_filter_test.cc.
#include <drupe/filter/filter.h>

#include <catch2/catch.hpp>

#include <vector>

using namespace drupe;
using filter::Instruction;

namespace {

constexpr std::uint16_t ld_word = 0x20, ld_ind_byte = 0x50, ldx_msh = 0xb1, ret_k = 6, ret_a = 0x16;
constexpr std::uint16_t st = 2, ld_mem = 0x60, jeq = 0x15, ja = 5, div_k = 0x34, div_x = 0x3c;

bool is_sound(const std::vector<Instruction>& program) {
    std::vector<std::uint16_t> scratch(program.size());
    return filter::check(program, scratch).ok();
}
std::uint32_t kept(const std::vector<Instruction>& program, const char* text) {
    REQUIRE(is_sound(program));
    return filter::run(program,
                       std::as_bytes(std::span(text, std::char_traits<char>::length(text))), 5);
}

} // namespace

TEST_CASE("a filter must end in each way, and read no cell it did not write") {
    CHECK(is_sound({{ret_k, 0, 0, 1}}));
    CHECK_FALSE(is_sound({}));
    CHECK_FALSE(is_sound({{ld_word, 0, 0, 0}}));
    CHECK_FALSE(is_sound({{ja, 0, 0, 1}, {ret_k, 0, 0, 1}}));
    CHECK(is_sound({{ja, 0, 0, 0}, {ret_k, 0, 0, 1}}));
    CHECK_FALSE(is_sound({{jeq, 0, 1, 0}, {ret_k, 0, 0, 1}}));
    CHECK_FALSE(is_sound({{div_k, 0, 0, 0}, {ret_k, 0, 0, 1}}));
    CHECK_FALSE(is_sound({{ld_mem, 0, 0, 3}, {ret_k, 0, 0, 1}}));
    CHECK(is_sound({{st, 0, 0, 3}, {ld_mem, 0, 0, 3}, {ret_k, 0, 0, 1}}));
    CHECK_FALSE(is_sound({{st, 0, 0, 16}, {ret_k, 0, 0, 1}}));
    // Written on one way only.
    CHECK_FALSE(is_sound({{jeq, 0, 1, 0}, {st, 0, 0, 3}, {ld_mem, 0, 0, 3}, {ret_k, 0, 0, 1}}));
    CHECK_FALSE(is_sound({{0xffff, 0, 0, 0}, {ret_k, 0, 0, 1}}));
    CHECK_FALSE(is_sound(std::vector<Instruction>(4097, {ret_k, 0, 0, 1})));
    CHECK(is_sound(std::vector<Instruction>(4096, {ret_k, 0, 0, 1})));
}

TEST_CASE("a filter sees the message and drops it where it reads beyond") {
    CHECK(kept({{ret_k, 0, 0, 7}}, "message") == 7);
    CHECK(kept({{ld_word, 0, 0, 0}, {ret_a, 0, 0, 0}}, "abcd") == 0x61626364);
    CHECK(kept({{ld_word, 0, 0, 1}, {ret_k, 0, 0, 9}}, "abcd") == 0);
    CHECK(kept({{ldx_msh, 0, 0, 0}, {ld_ind_byte, 0, 0, 0}, {ret_a, 0, 0, 0}}, "12345") == '5');
    CHECK(kept({{div_x, 0, 0, 0}, {ret_k, 0, 0, 9}}, "x") == 0);
    // The CPU; a device, which there is none.
    CHECK(kept({{ld_word, 0, 0, 0xffff'f024}, {ret_a, 0, 0, 0}}, "x") == 5);
    CHECK(kept({{ld_word, 0, 0, 0xffff'f008}, {ret_k, 0, 0, 9}}, "x") == 0);
}
