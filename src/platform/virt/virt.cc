// SPDX-License-Identifier: BSD-2-Clause
// A machine described by a device tree. No address of any board stands here.
#include <drupe/arch/cache.h>
#include <drupe/arch/cpu.h>
#include <drupe/arch/direct_map.h>
#include <drupe/drivers/binder.h>
#include <drupe/drivers/fdt_machine.h>
#include <drupe/drivers/psci.h>
#include <drupe/irq/irq_chip.h>
#include <drupe/platform/platform.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace drupe::platform {
namespace {

using drivers::DeviceNode;
using drivers::MapDevice;

constinit drivers::MachineInfo machine = {};
constinit fdt::Scratch scratch = {};
constinit fdt::Bytes tree;
constinit drivers::RealTimeClock* clock = nullptr;

bool matches(const BootInfo& boot) { return fdt::blob_at(boot.device_tree).ok(); }

Result<const drivers::MachineInfo*> describe(const BootInfo& boot) {
    tree = TRY(fdt::blob_at(boot.device_tree));
    TRY(fdt::describe_machine(tree, scratch, machine));
    return &machine;
}

Result<drivers::Console*> early_console(MapDevice early_map) {
    const DeviceNode* node = machine.console;
    if (!node || !node->driver->probe_early) return Errc::not_found;
    return node->driver->probe_early(*node, early_map);
}

/// A device that lives as long as the machine.
Result<drivers::Device*> probe_forever(DeviceNode* node, MapDevice map_device) {
    if (!node) return Errc::not_found;
    drivers::Device* device = TRY(node->driver->probe(*node, map_device)).leak();
    node->state = DeviceNode::State::bound;
    return device;
}

Result<drivers::Console*> console(MapDevice map_device) {
    return TRY(probe_forever(machine.console, map_device))->console();
}

Result<void> attach_core(MapDevice map_device, irq::Handler on_timer) {
    if (!machine.virtual_timer) return Errc::not_found;
    irq::IrqChip* chip = TRY(probe_forever(machine.irq_chip, map_device))->irq_chip();
    TRY(chip->init_cpu());
    irq::install_chip(*chip);
    return irq::attach(machine.virtual_timer->number, machine.virtual_timer->trigger, on_timer,
                       nullptr);
}

void enumerate(MapDevice map_device, Platform::DeviceSink found) {
    drivers::Binder binder(map_device, found);
    // What makes interrupts of messages first: who finds it missing does without.
    for (DeviceNode& node : machine.devices.all())
        if (node.driver->device_class == drivers::DeviceClass::message_controller)
            binder.emit(node);
    for (DeviceNode& node : machine.devices.all()) {
        const drivers::DeviceClass kind = node.driver->device_class;
        if (&node == machine.irq_chip || &node == machine.console || &node == machine.clock ||
            kind == drivers::DeviceClass::irq_chip ||
            kind == drivers::DeviceClass::message_controller)
            continue;
        binder.emit(node);
    }
    binder.finish();
}

/// Every enabled device of the tree, those nobody drives too.
class Reporter final : public fdt::Visitor {
public:
    void visit(const fdt::Walker& node) override {
        const auto compatible = node.property("compatible");
        if (!compatible || node.depth() == 0 || !node.is_enabled()) return;
        for (const DeviceNode& known : machine.devices.all())
            if (known.key == static_cast<std::size_t>(node.offset()))
                return report(known, node.depth());
        DeviceNode unknown{};
        unknown.name = node.name();
        unknown.compatible = fdt::text(*compatible);
        unknown.state = DeviceNode::State::unknown;
        drivers::report_node(unknown, node.depth());
    }

private:
    static void report(const DeviceNode& node, unsigned depth) {
        drivers::report_node(node, depth);
        for (const DeviceNode* child = drivers::first_child(node); child;
             child = drivers::next_child(*child))
            report(*child, depth + 1);
    }
};

void report_devices() {
    Reporter reporter;
    static_cast<void>(scratch.walker.walk(tree, reporter));
}

Result<void> attach_cpu() {
    irq::IrqChip& chip = irq::chip();
    TRY(chip.init_cpu());
    TRY(chip.configure(machine.virtual_timer->number, machine.virtual_timer->trigger));
    chip.unmask(machine.virtual_timer->number);
    irq::cpu_arrived();
    return {};
}

/// [linux] booting.rst "spin-table": the CPU waits for an event, then for a number other than 0 at
/// its release address, with its caches off.
Result<void> release_cpu(PhysAddr release_address, PhysAddr entry) {
    const auto holds_it = [&](const drivers::Region& bank) {
        return raw(release_address) >= raw(bank.base) &&
               raw(release_address) - raw(bank.base) < bank.bytes;
    };
    const auto banks = machine.memory.all();
    if (raw(release_address) % sizeof(std::uint64_t) != 0 ||
        std::none_of(banks.begin(), banks.end(), holds_it))
        return Errc::invalid;
    auto* word = static_cast<std::uint64_t*>(arch::direct_map(release_address));
    std::atomic_ref(*word).store(raw(entry), std::memory_order_relaxed);
    arch::dcache_clean(std::as_bytes(std::span(word, 1)));
    arch::cpu_send_event();
    return {};
}

Result<void> start_cpu(std::uint64_t hardware_id, PhysAddr entry) {
    for (const drivers::CpuNode& cpu : machine.cpus.all()) {
        if (cpu.hardware_id != hardware_id) continue;
        switch (cpu.start) {
        case drivers::CpuStart::psci:
            return drivers::psci::cpu_on(machine.conduit, hardware_id, entry, 0);
        case drivers::CpuStart::spin_table: return release_cpu(cpu.release_address, entry);
        case drivers::CpuStart::none: return Errc::not_supported;
        }
    }
    return Errc::no_device;
}

Result<Nanos> wall_clock(MapDevice map_device) {
    if (!clock) clock = TRY(probe_forever(machine.clock, map_device))->clock();
    return clock->read_time();
}

std::size_t seed_entropy(std::span<std::byte> to) {
    std::size_t count = std::min(to.size(), machine.entropy.size());
    std::memcpy(to.data(), machine.entropy.data(), count);
    for (unsigned i = 0; machine.kaslr_seed != 0 && i < 8 && count < to.size(); i++)
        to[count++] = static_cast<std::byte>(machine.kaslr_seed >> i * 8);
    return count;
}

void power_off(ExitReason) { static_cast<void>(drivers::psci::system_off(machine.conduit)); }
void reboot() { static_cast<void>(drivers::psci::system_reset(machine.conduit)); }

} // namespace

Result<std::size_t> device_tree_bytes(const void* at) {
    return fdt::used_bytes(TRY(fdt::blob_at(at)));
}

constinit const Platform virt = {
    .name = "virt",
    .matches = matches,
    .describe = describe,
    .early_console = early_console,
    .console = console,
    .attach_core = attach_core,
    .enumerate = enumerate,
    .report_devices = report_devices,
    .attach_cpu = attach_cpu,
    .start_cpu = start_cpu,
    .wall_clock = wall_clock,
    .seed_entropy = seed_entropy,
    .power_off = power_off,
    .reboot = reboot,
};

} // namespace drupe::platform
