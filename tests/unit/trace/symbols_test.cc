// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/trace/symbols.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

using namespace drupe;

static std::vector<std::byte>
make_table(const std::vector<std::pair<std::uint32_t, std::string>>& symbols) {
    // Code 128 is "::", 129 "b::", so that one code stands for another.
    const std::string pairs = std::string("::b\x80", 4) + std::string(252, '\0');
    std::string names = std::string("") + '\0' + "a\x80" + '\0' + "a\x80\x81" + '\0', entries;
    auto word = [](std::uint32_t v) { return std::string(reinterpret_cast<const char*>(&v), 4); };
    for (const auto& [offset, name] : symbols) {
        const std::uint64_t scope = name.starts_with("a::b::") ? 2
                                    : name.starts_with("a::")  ? 1
                                                               : 0;
        const std::uint64_t entry = offset / 4 | std::uint64_t{names.size()} << 20 | scope << 38;
        entries += std::string(reinterpret_cast<const char*>(&entry), 6);
        names += name.substr(3 * scope) + '\0';
    }
    const std::string all = "DRUPESYM" + word(static_cast<std::uint32_t>(symbols.size())) +
                            word(static_cast<std::uint32_t>(names.size())) + pairs + entries +
                            names;
    std::vector<std::byte> bytes(all.size());
    std::memcpy(bytes.data(), all.data(), all.size());
    return bytes;
}

static std::string name_of(const trace::SymbolTable& table, std::uint64_t address) {
    char buffer[64];
    BufferSink sink(buffer);
    trace::print_address(sink, table, VirtAddr{address});
    return std::string(sink.text());
}

TEST_CASE("an address gets the name of the function it lies in") {
    const auto bytes = make_table({{0x0, "start"}, {0x40, "a::run"}, {0x100, "a::b::stop"}});
    const auto table = trace::SymbolTable::open(bytes, VirtAddr{0x8000}, 0x200).value();
    CHECK(name_of(table, 0x8000) == "start+0x0");
    CHECK(name_of(table, 0x803f) == "start+0x3f");
    CHECK(name_of(table, 0x8040) == "a::run+0x0");
    CHECK(name_of(table, 0x81ff) == "a::b::stop+0xff");
    CHECK(name_of(table, 0x8200) == "0x8200");
    CHECK(name_of(table, 0x7fff) == "0x7fff");
}

TEST_CASE("what is no table is refused, and a wrong name index gives no name") {
    auto bytes = make_table({{0x10, "f"}});
    CHECK(name_of(trace::SymbolTable::open(bytes, VirtAddr{0}, 0x100).value(), 0xf) == "0xf");
    for (std::size_t cut = 0; cut < bytes.size(); cut++)
        CHECK_FALSE(trace::SymbolTable::open({bytes.data(), cut}, VirtAddr{0}, 0x100).ok());
    const std::size_t entry = 16 + 256;
    bytes[entry + 5] = std::byte{0xff}; // a scope that is not there
    CHECK(name_of(trace::SymbolTable::open(bytes, VirtAddr{0}, 0x100).value(), 0x11) == "f+0x1");
    bytes[entry + 3] = std::byte{0xff};
    CHECK(name_of(trace::SymbolTable::open(bytes, VirtAddr{0}, 0x100).value(), 0x11) == "0x11");
    bytes[0] = std::byte{0};
    CHECK(trace::SymbolTable::open(bytes, VirtAddr{0}, 0x100).error() == Errc::corrupt);
    CHECK(name_of(trace::SymbolTable{}, 0x11) == "0x11");
}

TEST_CASE("frames are followed upwards inside the stack only") {
    alignas(16) std::uint64_t stack[16] = {};
    const auto at = [&](int i) { return reinterpret_cast<std::uint64_t>(&stack[i]); };
    const trace::StackBounds bounds{at(0), at(16)};
    stack[2] = at(6), stack[3] = 0xffff000000001000;
    stack[6] = at(14), stack[7] = 0x00ab'ffff'0000'2000 | 1ull << 55; // signed
    stack[14] = 0, stack[15] = 0x3000;
    std::uint64_t out[8];
    REQUIRE(trace::walk_frames(at(2), bounds, out) == 3);
    CHECK(out[0] == 0xffff000000001000);
    CHECK(out[1] == 0xffffffff00002000);
    CHECK(out[2] == 0x3000);
    CHECK(trace::walk_frames(at(2), bounds, {out, 2}) == 2);
    CHECK(trace::walk_frames(at(15), bounds, out) == 0); // half outside
    CHECK(trace::walk_frames(at(2) + 4, bounds, out) == 0);
    CHECK(trace::walk_frames(~0ull - 7, bounds, out) == 0);
    stack[6] = at(2); // a loop
    CHECK(trace::walk_frames(at(2), bounds, out) == 2);
    stack[7] = 0; // the outermost frame
    CHECK(trace::walk_frames(at(2), bounds, out) == 1);
}
