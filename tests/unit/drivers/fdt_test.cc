// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/drivers/fdt.h>
#include <support/fdt_builder.h>

#include <functional>
#include <string>

using namespace drupe;
using test::FdtBuilder;

namespace {

fdt::Bytes bytes_of(const std::vector<std::uint64_t>& words) {
    return fdt::blob_at(words.data()).value();
}

struct Each final : fdt::Visitor {
    std::function<void(const fdt::Walker&)> call;
    explicit Each(std::function<void(const fdt::Walker&)> f) : call(std::move(f)) {}
    void visit(const fdt::Walker& node) override { call(node); }
};

Result<void> walk(const std::vector<std::uint64_t>& words,
                  std::function<void(const fdt::Walker&)> call) {
    static fdt::Walker walker;
    Each each(std::move(call));
    return walker.walk(bytes_of(words), each);
}

} // namespace

TEST_CASE("every node is visited once, parents first, with its properties") {
    const auto blob = FdtBuilder{}
                          .begin("")
                          .strings("model", {"a machine"})
                          .begin("a@1")
                          .nop()
                          .cells("x", {1, 2})
                          .begin("b")
                          .strings("status", {"disabled"})
                          .end()
                          .end()
                          .begin("c")
                          .strings("compatible", {"vendor,new", "vendor,old"})
                          .end()
                          .end()
                          .build();
    std::string seen;
    REQUIRE(walk(blob, [&](const fdt::Walker& node) {
                seen += std::to_string(node.depth()) + std::string(node.name()) + ";";
                if (node.depth() == 0) CHECK(node.string("model") == "a machine");
                if (node.base_name() == "a") {
                    CHECK(node.number("x") == 1);
                    CHECK(fdt::cells(*node.property("x"), 0, 2) == 0x1'0000'0002);
                    CHECK_FALSE(node.property("status"));
                    CHECK(node.is_enabled());
                }
                if (node.name() == "b") CHECK_FALSE(node.is_enabled());
                if (node.name() == "c") {
                    CHECK(node.is_compatible("vendor,old"));
                    CHECK(node.is_compatible("vendor,new"));
                    CHECK_FALSE(node.is_compatible("vendor"));
                    CHECK_FALSE(node.property("x"));
                }
            }).ok());
    CHECK(seen == "0;1a@1;2b;1c;");
}

TEST_CASE("addresses go through the ranges of every bus above") {
    FdtBuilder tree;
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("soc").cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.cells("ranges", {0x1000, 0x8, 0x0, 0x100, 0x2000, 0x9, 0x0, 0x100});
    tree.begin("inside").cells("reg", {0x1010, 0x10, 0x2000, 0x100}).end();
    tree.begin("across").cells("reg", {0x10f8, 0x10}).end();
    tree.begin("outside").cells("reg", {0x3000, 0x10}).end();
    tree.begin("through")
        .cells("#address-cells", {1})
        .cells("#size-cells", {1})
        .property("ranges", "");
    tree.begin("deep").cells("reg", {0x2020, 4}).end().end().end();
    tree.begin("i2c").cells("#address-cells", {1}).cells("#size-cells", {0});
    tree.begin("chip").cells("reg", {0x50}).end().end();
    tree.begin("top").cells("reg", {1, 2, 3, 4}).end().end();
    int checked = 0;
    REQUIRE(walk(tree.build(), [&](const fdt::Walker& node) {
                checked++;
                if (node.name() == "inside") {
                    CHECK(node.reg_count() == 2);
                    CHECK(node.reg(0).value().base == PhysAddr{0x8'0000'0010});
                    CHECK(node.reg(1).value().base == PhysAddr{0x9'0000'0000});
                    CHECK(node.reg(1).value().bytes == 0x100);
                    CHECK(node.reg(2).error() == Errc::not_found);
                } else if (node.name() == "across" || node.name() == "outside") {
                    CHECK(node.reg(0).error() == Errc::not_supported);
                } else if (node.name() == "deep") {
                    CHECK(node.reg(0).value().base == PhysAddr{0x9'0000'0020});
                } else if (node.name() == "chip") {
                    CHECK(node.reg(0).error() == Errc::not_supported); // no ranges: not memory
                    CHECK(node.unit_number() == 0x50);
                } else if (node.name() == "top") {
                    CHECK(node.reg(0).value().base == PhysAddr{0x1'0000'0002});
                    CHECK(node.reg(0).value().bytes == 0x3'0000'0004);
                }
            }).ok());
    CHECK(checked == 10);
}

TEST_CASE("sizes that do not fit are refused") {
    FdtBuilder tree;
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("wrap").cells("reg", {~0u, ~0u, 0, 2}).end();
    tree.begin("short").cells("reg", {0, 1, 0}).end();
    tree.begin("odd").property("reg", "abc").end();
    tree.begin("cells").cells("#address-cells", {0xffffffff}).cells("#size-cells", {0xffffffff});
    tree.begin("child").cells("reg", {1, 2, 3, 4}).end().end();
    tree.begin("pci").cells("#address-cells", {3}).cells("#size-cells", {2});
    tree.begin("slot").cells("reg", {0, 0, 0, 0, 0}).end().end().end();
    REQUIRE(walk(tree.build(), [&](const fdt::Walker& node) {
                if (node.name() == "wrap") CHECK(node.reg(0).error() == Errc::not_supported);
                if (node.name() == "short" || node.name() == "odd" || node.name() == "child" ||
                    node.name() == "slot")
                    CHECK(node.reg_count() == 0);
            }).ok());
}

TEST_CASE("the interrupt parent is inherited") {
    FdtBuilder tree;
    tree.begin("").cells("interrupt-parent", {7}).begin("a").begin("b").end().end();
    tree.begin("c").cells("interrupt-parent", {9}).begin("d").end().end().end();
    std::string seen;
    REQUIRE(walk(tree.build(), [&](const fdt::Walker& node) {
                seen += std::to_string(node.interrupt_parent());
            }).ok());
    CHECK(seen == "77799");
}

TEST_CASE("nodes nested too deeply and properties too many are passed over") {
    FdtBuilder tree;
    for (int i = 0; i < 40; i++) tree.begin(i == 0 ? "" : "n").cells("p", {1});
    for (int i = 0; i < 39; i++) tree.end();
    tree.begin("last");
    for (int i = 0; i < 100; i++) tree.cells("p" + std::to_string(i), {unsigned(i)});
    tree.end().end();
    unsigned nodes = 0;
    bool last = false;
    REQUIRE(walk(tree.build(), [&](const fdt::Walker& node) {
                nodes++;
                if (node.name() != "last") return;
                last = true;
                CHECK(node.number("p47") == 47);
                CHECK_FALSE(node.number("p48"));
            }).ok());
    CHECK(nodes == fdt::Walker::max_depth + 1);
    CHECK(last);
}

TEST_CASE("what contradicts itself is corrupt") {
    CHECK(fdt::blob_at(nullptr).error() == Errc::corrupt);
    auto good = FdtBuilder{}.begin("").cells("p", {1}).end().build();
    auto* bytes = reinterpret_cast<unsigned char*>(good.data());
    const auto nothing = [](const fdt::Walker&) {};
    REQUIRE(walk(good, nothing).ok());
    CHECK(fdt::blob_at(bytes + 4).error() == Errc::corrupt); // alignment
    SECTION("magic") {
        bytes[0] = 0;
        CHECK(fdt::blob_at(bytes).error() == Errc::corrupt);
    }
    SECTION("too long") {
        bytes[4] = 1;
        CHECK(fdt::blob_at(bytes).error() == Errc::corrupt);
    }
    SECTION("version") {
        bytes[23] = 16;
        CHECK(walk(good, nothing).error() == Errc::corrupt);
    }
    SECTION("blocks outside") {
        bytes[38] = 0xff;
        CHECK(walk(good, nothing).error() == Errc::corrupt);
    }
    SECTION("unbalanced") {
        CHECK(walk(FdtBuilder{}.begin("").build(), nothing).error() == Errc::corrupt);
        CHECK(walk(FdtBuilder{}.end().build(), nothing).error() == Errc::corrupt);
        CHECK(walk(FdtBuilder{}.build(), nothing).error() == Errc::corrupt);
    }
}

TEST_CASE("room left for edits does not count as used") {
    auto words = FdtBuilder{}.begin("").cells("p", {1}).end().build();
    const std::size_t used = fdt::used_bytes(bytes_of(words));
    CHECK(used == bytes_of(words).size());
    words.resize(1000);
    auto* bytes = reinterpret_cast<unsigned char*>(words.data());
    bytes[6] = 8000 >> 8, bytes[7] = 8000 & 0xff;
    CHECK(bytes_of(words).size() == 8000);
    CHECK(fdt::used_bytes(bytes_of(words)) == used);
}

TEST_CASE("lists of strings and cells end where their value ends") {
    const std::string list = std::string("one") + '\0' + "two"; // no NUL behind the last
    const fdt::Bytes value(reinterpret_cast<const std::byte*>(list.data()), list.size());
    CHECK(fdt::index_in_list(value, "two") == 1u);
    CHECK_FALSE(fdt::index_in_list(value, "three"));
    CHECK(fdt::text(value) == "one");
    alignas(4) const std::byte cells[6] = {};
    CHECK(fdt::cell({cells, 6}, 0) == 0u);
    CHECK_FALSE(fdt::cell({cells, 6}, 1));
    CHECK_FALSE(fdt::cells({cells, 6}, 0, 2));
    CHECK_FALSE(fdt::cells({cells, 6}, 0, 3));
}
