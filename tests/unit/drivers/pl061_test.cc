// SPDX-License-Identifier: BSD-2-Clause
// The power key: from the device tree's gpio-keys to the press of it.
#include <catch2/catch.hpp>

#include <drupe/drivers/classes.h>
#include <drupe/drivers/fdt_machine.h>
#include <drupe/irq/irq_chip.h>
#include <support/fdt_builder.h>
#include <support/register_file.h>

#include <memory>

using namespace drupe;
using drivers::DeviceNode;

namespace {

struct FakeChip final : irq::IrqChip {
    const char* name() const override { return "fake"; }
    Result<void> init_cpu() override { return {}; }
    Result<void> configure(irq::IrqNumber, irq::Trigger) override { return {}; }
    void mask(irq::IrqNumber) override {}
    void unmask(irq::IrqNumber) override {}
    irq::IrqNumber pending = irq::no_interrupt;
    irq::IrqNumber acknowledge() override { return std::exchange(pending, irq::no_interrupt); }
    void end(irq::IrqNumber) override {}
    void send_ipi(std::uint32_t, irq::IrqNumber) override {}
} chip;

test::RegisterFile* registers = nullptr;
unsigned presses = 0;

struct Tree {
    std::vector<std::uint64_t> words;
    std::unique_ptr<drivers::MachineInfo> machine = std::make_unique<drivers::MachineInfo>();

    Tree(std::uint32_t line, std::uint32_t flags, std::uint32_t code, std::uint32_t controller) {
        test::FdtBuilder tree;
        tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
        tree.cells("interrupt-parent", {1});
        tree.begin("pl061@9030000").strings("compatible", {"arm,pl061", "arm,primecell"});
        tree.cells("reg", {0, 0x9030000, 0, 0x1000}).cells("phandle", {7});
        tree.cells("interrupts", {0, 7 + line, 4}).end();
        tree.begin("gpio-keys").strings("compatible", {"gpio-keys"});
        tree.begin("poweroff").cells("gpios", {controller, line, flags});
        tree.cells("linux,code", {code}).end().end();
        tree.begin("intc@8000000").strings("compatible", {"arm,cortex-a15-gic"});
        tree.cells("reg", {0, 0x8000000, 0, 0x1000, 0, 0x8010000, 0, 0x1000});
        tree.cells("phandle", {1}).cells("#interrupt-cells", {3}).end();
        words = tree.end().build();
        static fdt::Scratch scratch;
        REQUIRE(fdt::describe_machine(fdt::blob_at(words.data()).value(), scratch, *machine).ok());
    }
    Result<OwnPtr<drivers::Device>> probe() {
        for (const DeviceNode& node : machine->devices.all())
            if (node.is("arm,pl061"))
                return node.driver->probe(node, [](PhysAddr, std::uint64_t) {
                    return Result<volatile void*>(registers->base());
                });
        return Errc::not_found;
    }
};

} // namespace

TEST_CASE("the power key is the line that the tree says, and its edge") {
    static const bool once = (irq::install_chip(chip), true);
    static_cast<void>(once);
    const auto [line, is_low] = GENERATE(table<std::uint32_t, bool>({{3, false}, {7, true}}));
    test::RegisterFile file(0x1000);
    registers = &file;
    for (std::size_t r : {0x400, 0x404, 0x408, 0x40c, 0x410}) file.words[r] = 0xff; // others' too
    Tree tree(line, is_low, 116, 7);
    const auto device = tree.probe();
    REQUIRE(device.ok());
    drivers::PowerKey* const key = device.value()->power_key();
    REQUIRE(key);
    presses = 0;
    REQUIRE(key->enable([] { presses++; }).ok());
    const std::uint32_t bit = 1u << line;
    for (std::size_t r : {0x400, 0x404, 0x408}) CHECK(file.words[r] == (0xff & ~bit));
    CHECK(file.words[0x40c] == (is_low ? 0xff & ~bit : 0xff));
    CHECK(file.words[0x410] == 0xff);
    CHECK(file.words[0x41c] == bit); // what was pending before is no press
    const auto interrupt = [&] {
        chip.pending = irq::IrqNumber{32 + 7 + line};
        irq::dispatch();
    };
    file.words[0x41c] = 0;
    interrupt(); // another line's
    CHECK(presses == 0);
    CHECK(file.words[0x41c] == 0);
    file.words[0x418] = bit;
    interrupt();
    CHECK(presses == 1);
    CHECK(file.words[0x41c] == bit);
    CHECK(file.wrong_accesses == 0);
    // The interrupt stays attached to it.
    static_cast<void>(const_cast<OwnPtr<drivers::Device>&>(device.value()).leak());
}

TEST_CASE("lines without a power key are left alone; a line that is none is an error") {
    test::RegisterFile file(0x1000);
    registers = &file;
    const auto other_key = Tree(3, 0, 115, 7).probe();
    REQUIRE(other_key.ok());
    CHECK(other_key.value()->power_key() == nullptr);
    const auto other_controller = Tree(3, 0, 116, 8).probe();
    REQUIRE(other_controller.ok());
    CHECK(other_controller.value()->power_key() == nullptr);
    CHECK(file.writes.empty());
    CHECK(Tree(8, 0, 116, 7).probe().error() == Errc::invalid);
}
