// SPDX-License-Identifier: BSD-2-Clause
// The firmware configuration device, against one that answers as [qemu] docs/specs/fw_cfg says, and
// against one that does not.
#include <catch2/catch.hpp>

#include <drupe/arch/direct_map.h>
#include <drupe/arch/host/mmio.h>
#include <drupe/drivers/classes.h>
#include <drupe/drivers/device.h>

#include <cstring>
#include <map>
#include <string>

using namespace drupe;
using drivers::DeviceNode;

namespace {

std::string big32(std::uint32_t v) {
    v = __builtin_bswap32(v);
    return {reinterpret_cast<const char*>(&v), sizeof v};
}

std::string entry(std::uint32_t bytes, std::uint16_t key, std::string name) {
    std::string e = big32(bytes);
    e += static_cast<char>(key >> 8);
    e += static_cast<char>(key);
    e += std::string(2, '\0');
    name.resize(56, '\0');
    return e + name;
}

struct FakeFwCfg final : arch::host::MmioWindow {
    std::map<unsigned, std::string> items;
    std::uint64_t signature = 0x5145'4d55'2043'4647;
    bool fails = false, answers = true;
    unsigned key = 0;
    std::size_t at = 0;

    FakeFwCfg() : MmioWindow(0x1000) { items[1] = std::string("\3\0\0\0", 4); }
    std::uint64_t read(std::size_t offset, unsigned width) override {
        REQUIRE((offset == 16 && width == 8));
        return __builtin_bswap64(signature);
    }
    void write(std::size_t offset, unsigned width, std::uint64_t value) override {
        REQUIRE((offset == 16 && width == 8));
        auto* request =
            static_cast<std::uint32_t*>(arch::direct_map(PhysAddr{__builtin_bswap64(value)}));
        REQUIRE(reinterpret_cast<std::uintptr_t>(request) % 16 == 0);
        if (answers) request[0] = serve(request) && !fails ? 0 : big_one;
    }

private:
    static constexpr std::uint32_t big_one = 0x0100'0000;
    bool serve(const std::uint32_t* request) {
        const std::uint32_t control = __builtin_bswap32(request[0]);
        const std::uint32_t length = __builtin_bswap32(request[1]);
        std::uint64_t address = 0;
        std::memcpy(&address, request + 2, sizeof address);
        if (control & 8) {
            key = control >> 16;
            at = 0;
        }
        if (control & 2) {
            auto* to = static_cast<char*>(arch::direct_map(PhysAddr{__builtin_bswap64(address)}));
            const std::string& item = items[key];
            for (std::uint32_t i = 0; i < length; i++)
                to[i] = at + i < item.size() ? item[at + i] : 0;
        }
        at += length;
        return true;
    }
};

struct Fixture {
    FakeFwCfg fake;
    OwnPtr<drivers::Device> device;
    drivers::FirmwareItems& items() { return *device->firmware_items(); }

    Result<void> probe(std::uint64_t register_bytes = 24) {
        static FakeFwCfg* current;
        current = &fake;
        DeviceNode node{};
        node.name = "fw-cfg@9020000";
        node.compatible = {"qemu,fw-cfg-mmio\0", 17};
        node.regions[0] = {PhysAddr{0x902'0000}, register_bytes};
        node.region_count = 1;
        const drivers::Driver* driver = drivers::find_driver(node);
        REQUIRE(driver);
        device = TRY(driver->probe(
            node, [](PhysAddr, std::uint64_t) { return Result<volatile void*>(current->base()); }));
        return {};
    }
    std::string read(std::uint16_t key, std::uint64_t offset, std::size_t bytes) {
        std::string text(bytes, '?');
        REQUIRE(items().read(key, offset, std::as_writable_bytes(std::span(text))).ok());
        return text;
    }
};

} // namespace

TEST_CASE("items of the firmware configuration are listed and read") {
    Fixture f;
    std::string large;
    for (int i = 0; i < 3000; i++) large += static_cast<char>(i * 7);
    f.fake.items[0x20] = "hello";
    f.fake.items[0x21] = large;
    f.fake.items[0x19] = big32(2) + entry(5, 0x20, "opt/greeting") + entry(3000, 0x21, "etc/large");
    REQUIRE(f.probe().ok());
    CHECK(f.items().features().value() == 3);
    REQUIRE(f.items().count().value() == 2);
    CHECK(std::string(f.items().item(0).value().name) == "opt/greeting");
    const auto second = f.items().item(1).value();
    CHECK(second.key == 0x21);
    CHECK(second.bytes == 3000);
    CHECK(f.read(0x20, 0, 5) == "hello");
    CHECK(f.read(0x20, 3, 4) == std::string("lo\0\0", 4));
    CHECK(f.read(0x21, 0, 3000) == large);
    CHECK(f.read(0x21, 999, 1000) == large.substr(999, 1000));
}

TEST_CASE("a device that says nonsense is survived") {
    Fixture f;
    f.fake.items[0x19] = big32(0xffff'ffff) + entry(0xffff'ffff, 0xffff, std::string(60, 'x'));
    REQUIRE(f.probe().ok());
    CHECK(f.items().count().value() == 1024);
    CHECK(std::strlen(f.items().item(0).value().name) == 55);
    CHECK(std::string(f.items().item(1000).value().name).empty());
    std::byte byte{};
    CHECK(f.items().read(1, 0xffff'ffff, {&byte, 1}).error() == Errc::invalid);
    f.fake.fails = true;
    CHECK(f.items().count().error() == Errc::io);
    f.fake.fails = false;
    f.fake.answers = false;
    CHECK(f.items().item(0).error() == Errc::io);
}

TEST_CASE("a device that cannot do DMA is left alone") {
    Fixture f;
    f.fake.signature = 0;
    CHECK(f.probe().error() == Errc::not_supported);
    CHECK(f.probe(16).error() == Errc::invalid);
}
