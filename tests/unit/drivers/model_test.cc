// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/drivers/device.h>

#include <string>

using namespace drupe;
using namespace std::string_literals;

TEST_CASE("the drivers of the linked libraries are there, and each is found by its models") {
    CHECK(drivers::all_drivers().size() == 9);
    for (const drivers::Driver* driver : drivers::all_drivers())
        for (std::string_view model : driver->models) {
            drivers::DeviceNode node{};
            node.compatible = model;
            CHECK(drivers::find_driver(node) == driver);
            CHECK(node.is(model));
        }
}

TEST_CASE("the most specific model that has a driver wins") {
    drivers::DeviceNode node{};
    const std::string list = "vendor,uart\0arm,pl011\0arm,gic-v3\0"s;
    node.compatible = list;
    REQUIRE(drivers::find_driver(node));
    CHECK(drivers::find_driver(node)->name == "pl011");
    const std::string unterminated = "x\0arm,pl031"s;
    node.compatible = unterminated;
    CHECK(drivers::find_driver(node)->name == "pl031");
    node.compatible = "arm,pl01";
    CHECK_FALSE(drivers::find_driver(node));
    node.compatible = {};
    CHECK_FALSE(drivers::find_driver(node));
}

TEST_CASE("mapping asks only for regions that exist") {
    drivers::DeviceNode node{};
    node.region_count = 1;
    node.regions[0] = {PhysAddr{0x1000}, 0x20};
    const auto map = [](PhysAddr base, std::uint64_t bytes) -> Result<volatile void*> {
        return reinterpret_cast<volatile void*>(raw(base) + bytes);
    };
    CHECK(node.map(0, map).value() == reinterpret_cast<volatile void*>(0x1020));
    CHECK(node.map(1, map).error() == Errc::not_found);
    CHECK_FALSE(node.number("anything"));
}
