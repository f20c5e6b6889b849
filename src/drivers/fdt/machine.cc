// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/drivers/fdt_machine.h>

#include "libfdt_internal.h"

namespace drupe::fdt {
namespace {

using drivers::DeviceNode;
using drivers::Interrupt;
using drivers::MachineInfo;
using drivers::Region;

/// [linux] bindings "arm,gic.yaml", "arm,gic-v3.yaml": (kind, number, flags). Only the kinds every
/// GIC has; the extended ranges are unknown to our drivers.
std::optional<Interrupt> decode_gic(Bytes value, std::size_t first_cell) {
    const auto kind = cell(value, first_cell);
    const auto number = cell(value, first_cell + 1);
    const auto flags = cell(value, first_cell + 2);
    if (!kind || !number || !flags) return std::nullopt;
    const bool edge = (*flags & 3) != 0; // 1 rising, 2 falling, 4 high, 8 low
    const auto trigger = edge ? irq::Trigger::edge : irq::Trigger::level;
    if (*kind == 0 && *number < 988) return Interrupt{irq::IrqNumber{*number + 32}, trigger};
    if (*kind == 1 && *number < 16) return Interrupt{irq::IrqNumber{*number + 16}, trigger};
    return std::nullopt;
}

/// Reads a node's properties when a driver asks, by the node's place in the blob.
class TreeProperties final : public drivers::PropertySource {
public:
    const void* tree = nullptr;
    std::size_t chosen_node = 0; // 0: there is none. A search for it would walk the tree
    // The interrupt controller's: what refers to it, and how it counts.
    std::uint32_t chip = 0, chip_address_cells = 0, chip_cells = 0;

    // The power key's line: controller, number, flags.
    Bytes power_line;

    std::optional<drivers::GpioLine> power_key(std::uint32_t controller) const override {
        if (cell(power_line, 0) != controller || power_line.size() != 12) return std::nullopt;
        return drivers::GpioLine{*cell(power_line, 1), (*cell(power_line, 2) & 1) != 0};
    }
    std::optional<Bytes> property(std::size_t node, std::string_view name) const override {
        int length = 0;
        const void* value = fdt_getprop_namelen(tree, static_cast<int>(node), name.data(),
                                                static_cast<int>(name.size()), &length);
        if (!value || length < 0) return std::nullopt;
        return Bytes(static_cast<const std::byte*>(value), static_cast<std::size_t>(length));
    }
    std::optional<Bytes> chosen(std::string_view name) const override {
        return chosen_node == 0 ? std::nullopt : property(chosen_node, name);
    }
    // [dtspec] "Interrupt Nexus Properties"
    std::optional<Interrupt> routed_interrupt(std::size_t node,
                                              const std::uint32_t (&child)[4]) const override {
        const Bytes map = property(node, "interrupt-map").value_or(Bytes{});
        const Bytes mask = property(node, "interrupt-map-mask").value_or(Bytes{});
        if (chip_cells < 3 || chip_cells > 4 || chip_address_cells > 4) return std::nullopt;
        const std::size_t parent = 5 + chip_address_cells, entry = parent + chip_cells;
        for (std::size_t at = 0; at + entry <= map.size() / 4; at += entry) {
            if (*cell(map, at + 4) != chip) return std::nullopt; // its cells may be fewer
            std::uint32_t differs = 0;
            for (unsigned i = 0; i < 4; i++)
                differs |= (child[i] ^ *cell(map, at + i)) & cell(mask, i).value_or(~0u);
            if (differs == 0) return decode_gic(map, at + parent);
        }
        return std::nullopt;
    }
};
constinit TreeProperties tree_properties;

class Collector final : public Visitor {
public:
    Collector(MachineInfo& machine, std::span<PendingInterrupts> pending)
        : machine_(machine), pending_(pending) {}

    void visit(const Walker& node) override {
        if (node.depth() == 0) {
            machine_.model = node.string("model");
        } else if (node.depth() == 1) {
            visit_top(node);
        } else if (node.ancestor_name(1) == "cpus") {
            if (node.depth() == 2 && node.base_name() == "cpu") visit_cpu(node);
            return;
        } else if (node.ancestor_name(1) == "reserved-memory") {
            for (unsigned i = 0; i < node.reg_count(); i++)
                if (auto r = node.reg(i)) add_reserved(r.value());
            return;
        }
        if (node.depth() != 0) visit_any(node);
    }

    void finish(const void* tree) {
        for (DeviceNode& device : machine_.devices.all()) resolve_interrupts(device);
        resolve_timer();
        pick_console(tree);
    }

private:
    void visit_top(const Walker& node) {
        if (node.name() == "chosen") {
            tree_properties.chosen_node = static_cast<std::size_t>(node.offset());
            visit_chosen(node);
        } else if (node.base_name() == "memory" || node.string("device_type") == "memory") {
            if (!node.is_enabled()) return;
            for (unsigned i = 0; i < node.reg_count(); i++)
                if (auto r = node.reg(i))
                    drivers::add_memory(machine_, {r.value().base, r.value().bytes});
        }
    }

    void visit_any(const Walker& node) {
        const auto compatible = node.property("compatible");
        if (!compatible) return visit_part(node);
        if (!node.is_enabled()) return;
        if (index_in_list(*compatible, "arm,psci-0.2") ||
            index_in_list(*compatible, "arm,psci-1.0")) {
            const std::string_view method = node.string("method");
            if (method == "hvc") machine_.conduit = drivers::Conduit::hvc;
            if (method == "smc") machine_.conduit = drivers::Conduit::smc;
        } else if (index_in_list(*compatible, "arm,armv8-timer")) {
            const auto names = node.property("interrupt-names");
            const auto named = names ? index_in_list(*names, "virt") : std::nullopt;
            timer_ = {node.property("interrupts").value_or(Bytes{}), node.interrupt_parent(),
                      false};
            timer_index_ = named.value_or(2); // secure, non-secure, virtual, hypervisor
        } else {
            visit_device(node, *compatible);
        }
    }

    /// Of a device; here only a key counts ([linux] bindings "input/gpio-keys.yaml").
    static void visit_part(const Walker& node) {
        constexpr std::uint32_t key_power = 116;
        if (node.number("linux,code") == key_power)
            tree_properties.power_line = node.property("gpios").value_or(Bytes{});
    }

    void visit_chosen(const Walker& node) {
        machine_.command_line = node.string("bootargs");
        stdout_path_ = node.string("stdout-path");
        if (stdout_path_.empty()) stdout_path_ = node.string("linux,stdout-path");
        machine_.entropy = node.property("rng-seed").value_or(Bytes{});
        if (auto seed = node.property("kaslr-seed"); seed && seed->size() == 8)
            machine_.kaslr_seed = cells(*seed, 0, 2).value_or(0);
        const auto begin = node.property("linux,initrd-start");
        const auto end = node.property("linux,initrd-end");
        if (!begin || !end) return;
        const auto from = cells(*begin, 0, begin->size() == 8 ? 2 : 1);
        const auto to = cells(*end, 0, end->size() == 8 ? 2 : 1);
        if (from && to && *from < *to) machine_.initrd = Region{PhysAddr{*from}, *to - *from};
    }

    void visit_cpu(const Walker& node) {
        const auto id = node.unit_number();
        if (!id || node.string("device_type") != "cpu" || !node.is_enabled()) return;
        drivers::CpuNode cpu{*id, PhysAddr{0}, drivers::CpuStart::none};
        const std::string_view method = node.string("enable-method");
        if (method == "psci") cpu.start = drivers::CpuStart::psci;
        if (method == "spin-table") {
            const auto release = node.property("cpu-release-addr");
            const auto at =
                release ? cells(*release, 0, release->size() == 4 ? 1 : 2) : std::nullopt;
            if (at) cpu.start = drivers::CpuStart::spin_table, cpu.release_address = PhysAddr{*at};
        }
        machine_.cpus.add(cpu);
    }

    void add_reserved(Range r) {
        if (r.bytes != 0) machine_.reserved.add({r.base, r.bytes});
    }

    void visit_device(const Walker& node, Bytes compatible) {
        const unsigned regions = node.reg_count();
        if (regions == 0) return;
        DeviceNode device{};
        device.compatible = {reinterpret_cast<const char*>(compatible.data()), compatible.size()};
        device.driver = drivers::find_driver(device);
        if (!device.driver) return;
        for (unsigned i = 0; i < regions && i < DeviceNode::max_regions; i++) {
            const auto r = node.reg(i);
            if (!r) return; // no way for a CPU to get there
            device.regions[device.region_count++] = {r.value().base, r.value().bytes};
        }
        device.name = node.name();
        device.source = &tree_properties;
        device.key = static_cast<std::size_t>(node.offset());
        device.bus_cells = static_cast<std::uint8_t>(node.bus_cells());
        if (!machine_.devices.add(device)) return;
        const std::size_t index = machine_.devices.count - 1;
        if (const auto extended = node.property("interrupts-extended"))
            pending_[index] = {*extended, 0, true};
        else
            pending_[index] = {node.property("interrupts").value_or(Bytes{}),
                               node.interrupt_parent(), false};
        if (device.driver->device_class != drivers::DeviceClass::irq_chip || machine_.irq_chip)
            return;
        machine_.irq_chip = &machine_.devices.items[index];
        chip_phandle_ = node.number("phandle").value_or(0);
        interrupt_cells_ = node.number("#interrupt-cells").value_or(3);
        tree_properties.chip = chip_phandle_;
        tree_properties.chip_cells = interrupt_cells_;
        tree_properties.chip_address_cells = node.number("#address-cells").value_or(0);
    }

    // A tree without any interrupt-parent has one controller and means it.
    bool is_chip(std::uint32_t phandle) const { return phandle == 0 || phandle == chip_phandle_; }

    void resolve_interrupts(DeviceNode& device) {
        const PendingInterrupts& p =
            pending_[static_cast<std::size_t>(&device - machine_.devices.items)];
        if (interrupt_cells_ < 3 || interrupt_cells_ > 4) return;
        const std::size_t entry = interrupt_cells_ + (p.extended ? 1u : 0u);
        const std::size_t total = p.value.size() / 4;
        if (!p.extended && !is_chip(p.parent)) return;
        for (std::size_t at = 0; at + entry <= total; at += entry) {
            // Another controller's cells may be fewer; stop where we cannot count any more.
            if (p.extended && !is_chip(*cell(p.value, at))) return;
            const auto interrupt = decode_gic(p.value, at + (p.extended ? 1 : 0));
            if (!interrupt || device.interrupt_count == DeviceNode::max_interrupts) return;
            device.interrupts[device.interrupt_count++] = *interrupt;
        }
    }

    void resolve_timer() {
        if (interrupt_cells_ < 3 || interrupt_cells_ > 4 || !is_chip(timer_.parent)) return;
        machine_.virtual_timer = decode_gic(timer_.value, timer_index_ * interrupt_cells_);
    }

    void pick_console(const void* tree) {
        std::string_view path = stdout_path_.substr(0, stdout_path_.find(':')); // without options
        if (!path.empty() && path[0] != '/') {
            const char* alias =
                fdt_get_alias_namelen(tree, path.data(), static_cast<int>(path.size()));
            path = alias ? std::string_view(alias) : std::string_view{};
        }
        const std::string_view name = path.substr(path.rfind('/') + 1);
        for (DeviceNode& device : machine_.devices.all()) {
            const drivers::DeviceClass kind = device.driver->device_class;
            if (kind == drivers::DeviceClass::clock && !machine_.clock) machine_.clock = &device;
            if (kind != drivers::DeviceClass::console) continue;
            if (!machine_.console || device.name == name) machine_.console = &device;
        }
    }

    MachineInfo& machine_;
    std::span<PendingInterrupts> pending_;
    PendingInterrupts timer_{};
    unsigned timer_index_ = 2;
    std::uint32_t chip_phandle_ = 0;
    std::uint32_t interrupt_cells_ = 0;
    std::string_view stdout_path_;
};

void add_reservations(const void* tree, MachineInfo& machine) {
    const int count = fdt_num_mem_rsv(tree);
    for (int i = 0; i < count && machine.reserved.dropped == 0; i++) {
        std::uint64_t base = 0, bytes = 0;
        if (fdt_get_mem_rsv(tree, i, &base, &bytes) == 0 && bytes != 0)
            machine.reserved.add({PhysAddr{base}, bytes});
    }
}

} // namespace

Result<void> describe_machine(Bytes blob, Scratch& scratch, MachineInfo& machine) {
    tree_properties = {};
    tree_properties.tree = blob.data();
    Collector collector(machine, scratch.pending);
    TRY(scratch.walker.walk(blob, collector));
    add_reservations(blob.data(), machine);
    collector.finish(blob.data());
    return {};
}

} // namespace drupe::fdt
