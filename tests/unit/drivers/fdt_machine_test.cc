// SPDX-License-Identifier: BSD-2-Clause
// Against the real drivers' records: a device appears when a driver knows it.
#include <catch2/catch.hpp>

#include <drupe/drivers/fdt_machine.h>
#include <support/fdt_builder.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

using namespace drupe;
using drivers::Conduit;
using drivers::CpuStart;
using drivers::MachineInfo;
using test::FdtBuilder;

namespace {

struct Read {
    std::vector<std::uint64_t> words;
    std::unique_ptr<MachineInfo> info = std::make_unique<MachineInfo>();
    explicit Read(std::vector<std::uint64_t> blob) : words(std::move(blob)) {
        static fdt::Scratch scratch;
        REQUIRE(fdt::describe_machine(fdt::blob_at(words.data()).value(), scratch, *info).ok());
    }
    const MachineInfo* operator->() const { return info.get(); }
};

std::vector<std::uint64_t> load(const std::string& name) {
    std::ifstream file(std::string(DRUPE_TEST_DATA) + "/fdt/" + name, std::ios::binary);
    REQUIRE(file.good());
    const std::string all((std::istreambuf_iterator<char>(file)), {});
    std::vector<std::uint64_t> words((all.size() + 7) / 8);
    std::memcpy(words.data(), all.data(), all.size());
    return words;
}

FdtBuilder root() {
    FdtBuilder tree;
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    return tree;
}

} // namespace

TEST_CASE("QEMU virt with a GICv2") {
    const Read m(load("qemu-virt-gicv2.dtb"));
    REQUIRE(m->memory.count == 1);
    CHECK(m->memory.items[0].base == PhysAddr{0x40000000});
    CHECK(m->memory.items[0].bytes == 128 << 20);
    CHECK(m->command_line == "console=ttyAMA0 quiet");
    CHECK(m->model == "linux,dummy-virt");
    CHECK(m->conduit == Conduit::hvc);
    REQUIRE(m->irq_chip);
    CHECK(m->irq_chip->driver->name == "gicv2");
    CHECK(m->irq_chip->region_count == 2);
    CHECK(m->irq_chip->regions[1].base == PhysAddr{0x8010000});
    REQUIRE(m->console);
    CHECK(m->console->driver->name == "pl011");
    REQUIRE(m->console->interrupt_count == 1);
    CHECK(m->console->interrupts[0].number == irq::IrqNumber{33});
    CHECK(m->console->interrupts[0].trigger == irq::Trigger::level);
    REQUIRE(m->clock);
    CHECK(m->clock->regions[0].base == PhysAddr{0x9010000});
    REQUIRE(m->virtual_timer);
    CHECK(m->virtual_timer->number == irq::IrqNumber{27});
    CHECK(m->entropy.size() == 32);
    CHECK(m->kaslr_seed != 0);
    CHECK_FALSE(m->initrd);
    REQUIRE(m->cpus.count == 1);
}

TEST_CASE("QEMU virt: lines of PCI lead to the GIC through the interrupt map") {
    const Read m(load("qemu-virt-gicv2.dtb"));
    const drivers::DeviceNode* host = nullptr;
    for (const drivers::DeviceNode& node : m->devices.all())
        if (node.is("pci-host-ecam-generic")) host = &node;
    REQUIRE(host);
    CHECK(host->regions[0].base == PhysAddr{0x40'1000'0000});
    CHECK(host->bus_cells == 2);
    // Slot s, pin p: one of four lines, from 35 on, turning with the slot.
    for (std::uint32_t slot = 0; slot < 32; slot++)
        for (std::uint32_t pin = 1; pin <= 4; pin++) {
            const std::uint32_t child[4] = {slot << 11 | 2 << 8, 1, 2, pin};
            const auto found = host->source->routed_interrupt(host->key, child);
            REQUIRE(found);
            CHECK(found->number == irq::IrqNumber{35 + (slot + pin - 1) % 4});
            CHECK(found->trigger == irq::Trigger::level);
        }
    const std::uint32_t no_pin[4] = {0, 0, 0, 5};
    CHECK_FALSE(host->source->routed_interrupt(host->key, no_pin));
    CHECK_FALSE(host->source->chosen("linux,pci-probe-only"));
    CHECK(host->source->chosen("bootargs"));
}

TEST_CASE("QEMU virt with a GICv3") {
    const Read m(load("qemu-virt-gicv3.dtb"));
    REQUIRE(m->irq_chip);
    CHECK(m->irq_chip->driver->name == "gicv3");
    CHECK(m->irq_chip->number("#redistributor-regions") == 1u);
    CHECK_FALSE(m->irq_chip->number("redistributor-stride"));
    CHECK(m->irq_chip->regions[1].bytes == 0xf60000);
}

TEST_CASE("QEMU virt entered at EL2, four CPUs, 3 GiB, an initrd") {
    const Read m(load("qemu-virt-el2-smp4.dtb"));
    CHECK(m->conduit == Conduit::smc);
    REQUIRE(m->cpus.count == 4);
    CHECK(m->cpus.items[3].hardware_id == 3);
    CHECK(m->cpus.items[3].start == CpuStart::psci);
    CHECK(m->memory.items[0].bytes == 3ull << 30);
    REQUIRE(m->initrd);
    CHECK(m->initrd->base == PhysAddr{0x48000000});
    CHECK(m->initrd->bytes == 0x590);
}

TEST_CASE("more CPUs than the kernel keeps are dropped and reported") {
    const Read m(load("qemu-virt-smp160.dtb"));
    CHECK(m->cpus.count == std::min<std::size_t>(160, DRUPE_MAX_CPUS));
    CHECK(m->cpus.dropped == 160 - m->cpus.count);
    CHECK(m->irq_chip->number("#redistributor-regions") == 2u);
    CHECK(m->irq_chip->region_count == 3);
    CHECK(m->irq_chip->regions[2].base == PhysAddr{0x40'0000'0000});
}

TEST_CASE("memory banks come sorted and merged, reservations from both places") {
    auto tree = root().reserve(0x48000000, 0x10000);
    tree.begin("memory@1").cells("reg", {1, 0, 0, 0x10000000, 0, 0x40000000, 0, 0x8000000}).end();
    tree.begin("memory@2").strings("device_type", {"memory"});
    tree.cells("reg", {0, 0x48000000, 0, 0x800, 0, 0x48000000, 0, 0x1000800}).end();
    tree.begin("off").strings("device_type", {"memory"}).strings("status", {"disabled"});
    tree.cells("reg", {0, 0, 0, 0x1000000}).end();
    tree.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.property("ranges", "");
    tree.begin("a@40000000").cells("reg", {0, 0x40000000, 0, 0x1000}).end();
    tree.begin("pool").cells("size", {0, 0x1000}).end().end().end();
    const Read m(tree.build());
    REQUIRE(m->memory.count == 2);
    CHECK(m->memory.items[0].base == PhysAddr{0x40000000});
    CHECK(m->memory.items[0].bytes == 0x9000000);
    CHECK(m->memory.items[1].base == PhysAddr{0x1'0000'0000});
    REQUIRE(m->reserved.count == 2);
    CHECK(m->reserved.items[0].base == PhysAddr{0x40000000});
    CHECK(m->reserved.items[1].bytes == 0x10000);
}

TEST_CASE("a bank that ends beyond 48 bits is cut, one that begins there dropped") {
    MachineInfo info;
    drivers::add_memory(info, {PhysAddr{0xffff'ffff'0000}, 0x100000});
    drivers::add_memory(info, {PhysAddr{1ull << 48}, 0x100000});
    drivers::add_memory(info, {PhysAddr{0x1001}, 0x1000});
    drivers::add_memory(info, {PhysAddr{0x2001}, ~0ull});
    REQUIRE(info.memory.count == 1);
    CHECK(info.memory.items[0].base == PhysAddr{0x3000});
    CHECK(info.memory.items[0].bytes == (1ull << 48) - 0x3000);
}

TEST_CASE("a machine that says less: no root compatible, stdout-path or interrupt-parent") {
    auto tree = root();
    tree.begin("uart@22000000").strings("compatible", {"arm,sbsa-uart"});
    tree.cells("reg", {0, 0x22000000, 0, 0x1000}).cells("interrupts", {0, 0, 4}).end();
    tree.begin("interrupt-controller@3001000").strings("compatible", {"arm,gic-v3"});
    tree.property("interrupt-controller", "").cells("#interrupt-cells", {3});
    tree.cells("reg", {0, 0x3001000, 0, 0x10000, 0, 0x3020000, 0, 0x100000}).end();
    tree.begin("psci").strings("compatible", {"arm,psci-1.0", "arm,psci-0.2"});
    tree.strings("method", {"hvc"}).cells("cpu_on", {2}).end();
    tree.begin("timer").strings("compatible", {"arm,armv8-timer"});
    tree.cells("interrupts", {1, 13, 0xf08, 1, 14, 0xf08, 1, 11, 0xf08}).end().end();
    const Read m(tree.build());
    REQUIRE(m->console);
    CHECK(m->console->is("arm,sbsa-uart"));
    REQUIRE(m->console->interrupt_count == 1);
    CHECK(m->console->interrupts[0].number == irq::IrqNumber{32});
    CHECK(m->virtual_timer->number == irq::IrqNumber{27});
    CHECK(m->conduit == Conduit::hvc);
    CHECK(m->entropy.empty());
}

TEST_CASE("the console is the one that stdout-path names, by path or alias, options cut off") {
    for (const char* path : {"/soc/uart@2000:115200n8", "serial0", "serial0:115200", "/uart@9"}) {
        auto tree = root();
        tree.begin("aliases").strings("serial0", {"/soc/uart@2000"}).end();
        tree.begin("chosen").strings("stdout-path", {path}).end();
        tree.begin("soc").cells("#address-cells", {1}).cells("#size-cells", {1});
        tree.property("ranges", "");
        tree.begin("uart@1000").strings("compatible", {"arm,pl011", "arm,primecell"});
        tree.cells("reg", {0x1000, 0x1000}).end();
        tree.begin("uart@2000").strings("compatible", {"arm,pl011", "arm,primecell"});
        tree.cells("reg", {0x2000, 0x1000}).end().end().end();
        const Read m(tree.build());
        REQUIRE(m->console);
        const bool unknown = std::string_view(path) == "/uart@9";
        CHECK(m->console->regions[0].base == PhysAddr{unknown ? 0x1000u : 0x2000u});
    }
}

TEST_CASE("interrupts of another controller, of unknown kinds or too many are left out") {
    auto tree = root();
    tree.cells("interrupt-parent", {5});
    tree.begin("gic@1").strings("compatible", {"arm,gic-400"}).cells("phandle", {5});
    tree.property("interrupt-controller", "").cells("#interrupt-cells", {3});
    tree.cells("reg", {0, 0x1000, 0, 0x1000, 0, 0x2000, 0, 0x1000}).end();
    const auto uart = [&](const char* name) -> FdtBuilder& {
        return tree.begin(name).strings("compatible", {"arm,pl011"}).cells("reg", {0, 0, 0, 1});
    };
    uart("other").cells("interrupt-parent", {6}).cells("interrupts", {0, 1, 4}).end();
    uart("kind").cells("interrupts", {2, 1, 4}).end();
    uart("range").cells("interrupts", {0, 988, 4}).end();
    uart("cut").cells("interrupts", {0, 3, 1, 0, 4}).end();
    uart("many").cells("interrupts", {0, 0, 4, 0, 1, 4, 0, 2, 4, 0, 3, 4, 0, 4, 4}).end();
    uart("extended").cells("interrupts-extended", {5, 1, 7, 1, 6, 1, 2, 3}).end().end();
    const Read m(tree.build());
    const auto irqs = [&](std::string_view name) -> unsigned {
        for (const auto& d : m->devices.all())
            if (d.name == name) return d.interrupt_count;
        return 99;
    };
    CHECK(irqs("other") == 0);
    CHECK(irqs("kind") == 0);
    CHECK(irqs("range") == 0);
    CHECK(irqs("cut") == 1);
    CHECK(irqs("many") == 4);
    CHECK(irqs("extended") == 1);
    CHECK(m->devices.items[6].interrupts[0].number == irq::IrqNumber{23});
    CHECK(m->devices.items[6].interrupts[0].trigger == irq::Trigger::edge);
}

TEST_CASE("devices that are disabled, unreachable or unknown are not listed") {
    auto tree = root();
    tree.begin("a").strings("compatible", {"arm,pl011"}).strings("status", {"disabled"});
    tree.cells("reg", {0, 0, 0, 1}).end();
    tree.begin("bus").begin("b").strings("compatible", {"arm,pl011"});
    tree.cells("reg", {0, 0, 1}).end().end();
    tree.begin("c").strings("compatible", {"nobody,knows"}).cells("reg", {0, 0, 0, 1}).end();
    tree.begin("d").strings("compatible", {"arm,pl011"}).end().end();
    const Read m(tree.build());
    CHECK(m->devices.count == 0);
    CHECK_FALSE(m->console);
    CHECK_FALSE(m->irq_chip);
}

TEST_CASE("a spin-table CPU has its release address, an unknown method no way to start") {
    auto tree = root();
    tree.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    const auto cpu = [&](const char* name, std::uint32_t id) -> FdtBuilder& {
        return tree.begin(name).strings("device_type", {"cpu"}).cells("reg", {id});
    };
    cpu("cpu@0", 0).strings("enable-method", {"spin-table"});
    tree.cells("cpu-release-addr", {1, 0x100}).end();
    cpu("cpu@101", 0x101).strings("enable-method", {"magic"}).end();
    cpu("cpu@2", 2).strings("enable-method", {"spin-table"}).end();
    tree.begin("cpu-map").end().end().end();
    const Read m(tree.build());
    REQUIRE(m->cpus.count == 3);
    CHECK(m->cpus.items[0].start == CpuStart::spin_table);
    CHECK(m->cpus.items[0].release_address == PhysAddr{0x1'0000'0100});
    CHECK(m->cpus.items[1].hardware_id == 0x101);
    CHECK(m->cpus.items[1].start == CpuStart::none);
    CHECK(m->cpus.items[2].start == CpuStart::none);
}
