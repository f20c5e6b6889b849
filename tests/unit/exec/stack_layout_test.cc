// SPDX-License-Identifier: BSD-2-Clause
// The expectation is written out by hand, address by address: it must not come from the code.
#include <drupe/exec/stack_layout.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <map>
#include <memory>

using namespace drupe;
using namespace drupe::exec;

namespace {

/// Bytes below `top`; every byte may be written once.
class TestStack final : public StackSink {
public:
    explicit TestStack(VirtAddr top) : top_(top) {}
    Result<void> put(VirtAddr at, const void* bytes, std::size_t count) override {
        for (std::size_t i = 0; i < count; i++) {
            REQUIRE(at + i < top_);
            const bool is_fresh =
                bytes_.emplace(raw(at) + i, static_cast<const unsigned char*>(bytes)[i]).second;
            REQUIRE(is_fresh);
        }
        return {};
    }
    std::uint64_t word(std::uint64_t at) const {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < 8; i++) value |= std::uint64_t{bytes_.at(at + i)} << 8 * i;
        return value;
    }
    std::string text(std::uint64_t at) const {
        std::string out;
        for (; bytes_.at(at) != 0; at++) out += static_cast<char>(bytes_.at(at));
        return out;
    }

private:
    VirtAddr top_;
    std::map<std::uint64_t, unsigned char> bytes_;
};

} // namespace

TEST_CASE("the start stack is laid out byte for byte as Linux does it") {
    auto arguments = std::make_unique<ArgumentBlock>(1 << 20);
    REQUIRE(arguments->add_argument("prog").ok());
    REQUIRE(arguments->add_argument("two words").ok());
    REQUIRE(arguments->add_variable("HOME=/").ok());
    StackRequest request;
    request.top = VirtAddr{0x7fff'ffff'f000};
    request.gap = 0x123;
    request.program = "/bin/prog";
    for (unsigned i = 0; i < 16; i++) request.random[i] = std::byte(0xa0 + i);
    AuxFacts facts;
    facts.vdso = VirtAddr{0x7777'0000};
    facts.headers = VirtAddr{0x40'0040};
    facts.header_count = 9;
    facts.interpreter_base = VirtAddr{0x5555'0000};
    facts.entry = VirtAddr{0x40'0400};
    facts.uid = 1, facts.euid = 2, facts.gid = 3, facts.egid = 4;
    facts.hwcap = 0xfb, facts.hwcap2 = 0x10, facts.minimum_signal_stack = 4720;

    const StackLayout layout = plan_stack(request, *arguments, facts);
    TestStack stack(request.top);
    REQUIRE(write_stack(request, *arguments, layout, stack).ok());

    // Strings, downwards from top - 8: 10 bytes of path, 7 of environment, 15 of arguments.
    CHECK(stack.word(0x7fff'ffff'eff8) == 0);
    CHECK(stack.text(0x7fff'ffff'efee) == "/bin/prog");
    CHECK(stack.text(0x7fff'ffff'efe7) == "HOME=/");
    CHECK(stack.text(0x7fff'ffff'efdd) == "two words");
    CHECK(stack.text(0x7fff'ffff'efd8) == "prog");
    // 0x…efd8 - 0x123 = 0x…eeb5, down to 16: 0x…eeb0; platform 8 bytes, then 16 random ones.
    CHECK(stack.text(0x7fff'ffff'eea8) == "aarch64");
    CHECK(stack.word(0x7fff'ffff'ee98) == 0xa7a6'a5a4'a3a2'a1a0);
    CHECK(stack.word(0x7fff'ffff'eea0) == 0xafae'adac'abaa'a9a8);
    // argc, 2 + 0, 1 + 0, 21 pairs: 48 words = 0x180. 0x…ee98 - 0x180 = 0x…ed18, down to 16.
    std::uint64_t at = 0x7fff'ffff'ed10;
    CHECK(raw(layout.sp) == at);
    auto next = [&] { return stack.word(std::exchange(at, at + 8)); };
    CHECK(next() == 2);
    CHECK(next() == 0x7fff'ffff'efd8);
    CHECK(next() == 0x7fff'ffff'efdd);
    CHECK(next() == 0);
    CHECK(next() == 0x7fff'ffff'efe7);
    CHECK(next() == 0);
    const std::pair<std::uint64_t, std::uint64_t> expected[] = {{33, 0x7777'0000},
                                                                {51, 4720},
                                                                {16, 0xfb},
                                                                {6, 4096},
                                                                {17, 100},
                                                                {3, 0x40'0040},
                                                                {4, 56},
                                                                {5, 9},
                                                                {7, 0x5555'0000},
                                                                {8, 0},
                                                                {9, 0x40'0400},
                                                                {11, 1},
                                                                {12, 2},
                                                                {13, 3},
                                                                {14, 4},
                                                                {23, 0},
                                                                {25, 0x7fff'ffff'ee98},
                                                                {26, 0x10},
                                                                {31, 0x7fff'ffff'efee},
                                                                {15, 0x7fff'ffff'eea8},
                                                                {0, 0}};
    for (auto [tag, value] : expected) {
        INFO(tag);
        CHECK(next() == tag);
        CHECK(next() == value);
    }
    CHECK(at == 0x7fff'ffff'ee90); // 8 bytes of padding below the random bytes

    CHECK(layout.aux_words == 42);
    CHECK(raw(layout.arguments_begin) == 0x7fff'ffff'efd8);
    CHECK(raw(layout.arguments_end) == 0x7fff'ffff'efe7);
    CHECK(raw(layout.environment_begin) == 0x7fff'ffff'efe7);
    CHECK(raw(layout.environment_end) == 0x7fff'ffff'efee);
}

TEST_CASE("without environment, vDSO and gap the vectors still end with zeros") {
    auto arguments = std::make_unique<ArgumentBlock>(1 << 20);
    REQUIRE(arguments->add_argument("").ok());
    StackRequest request;
    request.top = VirtAddr{0x10000};
    request.program = "p";
    const StackLayout layout = plan_stack(request, *arguments, {});
    TestStack stack(request.top);
    REQUIRE(write_stack(request, *arguments, layout, stack).ok());
    const std::uint64_t sp = raw(layout.sp);
    CHECK(sp % 16 == 0);
    CHECK(stack.word(sp) == 1);
    CHECK(stack.text(stack.word(sp + 8)).empty());
    CHECK(stack.word(sp + 16) == 0);
    CHECK(stack.word(sp + 24) == 0);
    CHECK(stack.word(sp + 32) == 51); // no AT_SYSINFO_EHDR
}

TEST_CASE("thousands of strings of all lengths keep their addresses") {
    auto arguments = std::make_unique<ArgumentBlock>(4 << 20);
    std::vector<std::string> texts;
    for (unsigned i = 0; i < 3000; i++)
        texts.push_back(std::string(i % 97, 'a') + char('0' + i % 10));
    for (unsigned i = 0; i < 2000; i++) REQUIRE(arguments->add_argument(texts[i]).ok());
    for (unsigned i = 2000; i < 3000; i++) REQUIRE(arguments->add_variable(texts[i]).ok());
    StackRequest request;
    request.top = VirtAddr{0x100'0000};
    request.program = "p";
    const StackLayout layout = plan_stack(request, *arguments, {});
    TestStack stack(request.top);
    REQUIRE(write_stack(request, *arguments, layout, stack).ok());
    std::uint64_t at = raw(layout.sp) + 8;
    unsigned wrong = 0;
    for (unsigned i = 0; i < 3000; i++, at += 8) {
        if (i == 2000) at += 8;
        if (stack.text(stack.word(at)) != texts[i]) wrong++;
    }
    CHECK(wrong == 0);
    CHECK(stack.word(at) == 0);
}
