// SPDX-License-Identifier: BSD-2-Clause
#include "user_vector.h"

#include <drupe/exec/argument_block.h>

#include <catch2/catch.hpp>

#include <memory>

using namespace drupe;
using exec::ArgumentBlock;

namespace {

std::string text_of(const ArgumentBlock& block) {
    std::string all;
    REQUIRE(block
                .for_each_piece([&](std::span<const char> piece) -> Result<void> {
                    all.append(piece.data(), piece.size());
                    return {};
                })
                .ok());
    CHECK(all.size() == block.string_bytes());
    return all;
}
std::string operator""_z(const char* text, std::size_t n) { return {text, n}; }

constexpr std::uint64_t plenty = 1 << 21;

} // namespace

TEST_CASE("strings lie one behind the other") {
    auto block = std::make_unique<ArgumentBlock>(plenty);
    REQUIRE(block->add_argument("prog").ok());
    REQUIRE(block->add_argument("").ok());
    REQUIRE(block->add_variable("A=1").ok());
    CHECK(block->argument_count() == 2);
    CHECK(block->variable_count() == 1);
    CHECK(text_of(*block) == "prog\0\0A=1\0"_z);
    CHECK(block->first_argument() == "prog");
}

TEST_CASE("strings longer than a piece keep every byte") {
    auto block = std::make_unique<ArgumentBlock>(plenty);
    std::string expected;
    for (std::size_t n : {1, 4086, 4087, 4088, 4089, 9000, 0, 131071}) {
        std::string text(n, static_cast<char>('a' + n % 26));
        REQUIRE(block->add_argument(text).ok());
        expected += text + '\0';
    }
    CHECK(text_of(*block) == expected);
}

TEST_CASE("a program's vectors are copied whole, whatever the lengths") {
    auto block = std::make_unique<ArgumentBlock>(plenty);
    std::vector<std::string> texts;
    std::string expected;
    for (std::size_t n = 4080; n < 4096; n++) texts.push_back(std::string(n, 'x'));
    texts.push_back(std::string(131071, 'y'));
    test::UserVector vector(texts);
    for (auto& t : texts) expected += t + '\0';
    REQUIRE(block->add_arguments(vector.address()).ok());
    REQUIRE(block->add_variables(VirtAddr{}).ok());
    CHECK(block->argument_count() == texts.size());
    CHECK(text_of(*block) == expected);
}

TEST_CASE("an empty argument vector becomes one empty argument") {
    auto block = std::make_unique<ArgumentBlock>(plenty);
    REQUIRE(block->add_arguments(VirtAddr{}).ok());
    CHECK(block->argument_count() == 1);
    CHECK(text_of(*block) == "\0"_z);
}

TEST_CASE("what is too long is too_big: one string, or all together") {
    auto block = std::make_unique<ArgumentBlock>(plenty);
    CHECK(block->add_argument(std::string(131072, 'x')).error() == Errc::too_big);
    test::UserVector one({std::string(131072, 'x')});
    CHECK(std::make_unique<ArgumentBlock>(plenty)->add_arguments(one.address()).error() ==
          Errc::too_big);

    auto small = std::make_unique<ArgumentBlock>(40);
    CHECK(small->add_argument("123456789").ok());            // 10 + a pointer
    CHECK(small->add_variable("123456789abc").ok() == true); // 31 + a pointer: 39
    CHECK(small->add_variable("").error() == Errc::too_big);
}

TEST_CASE("a vector or a string outside the program's memory is a fault") {
    auto block = std::make_unique<ArgumentBlock>(plenty);
    CHECK(block->add_arguments(test::bad_address).error() == Errc::fault);
    std::uint64_t vector[] = {raw(test::bad_address), 0};
    CHECK(block->add_arguments(VirtAddr{reinterpret_cast<std::uintptr_t>(vector)}).error() ==
          Errc::fault);
}

TEST_CASE("the limit follows the stack's, within Linux's bounds") {
    CHECK(ArgumentBlock::limit_for_stack(8 << 20) == 2 << 20);
    CHECK(ArgumentBlock::limit_for_stack(0) == 128 << 10);
    CHECK(ArgumentBlock::limit_for_stack(~0ull) == 6 << 20);
}

TEST_CASE("a script's interpreter takes the place of argument 0") {
    auto block = std::make_unique<ArgumentBlock>(plenty);
    REQUIRE(block->add_argument("tool").ok());
    REQUIRE(block->add_argument("-x").ok());
    REQUIRE(block->add_variable("E=").ok());
    REQUIRE(block->replace_program("/bin/second", "-o p", "/opt/tool").ok());
    CHECK(text_of(*block) == "/bin/second\0-o p\0/opt/tool\0-x\0E=\0"_z);
    CHECK(block->argument_count() == 4);
    REQUIRE(block->replace_program("/bin/first", "", "/bin/second").ok());
    CHECK(text_of(*block) == "/bin/first\0/bin/second\0-o p\0/opt/tool\0-x\0E=\0"_z);
    CHECK(block->argument_count() == 5);
    CHECK(block->first_argument() == "/bin/first");
}

TEST_CASE("an argument 0 of several pieces is dropped whole") {
    auto block = std::make_unique<ArgumentBlock>(plenty);
    REQUIRE(block->add_argument(std::string(10000, 'p')).ok());
    REQUIRE(block->add_argument("q").ok());
    REQUIRE(block->replace_program("i", "", "s").ok());
    CHECK(text_of(*block) == "i\0s\0q\0"_z);
}
