// SPDX-License-Identifier: BSD-2-Clause
#include "host.h"

#include <drupe/drivers/fdt.h>

#include <algorithm>

namespace drupe::pci {
namespace {

using Bytes = std::span<const std::byte>;

Bytes property(const drivers::DeviceNode& node, std::string_view name) {
    return node.source ? node.source->property(node.key, name).value_or(Bytes{}) : Bytes{};
}

} // namespace

// [ieee1275] "PCI Bus Binding": a bus address is three cells, the first of which names the space.
Result<void> Host::read_ranges() {
    const Bytes ranges = property(node_, "ranges");
    const unsigned cpu_cells = node_.bus_cells;
    if (cpu_cells < 1 || cpu_cells > 2) return Errc::invalid;
    const std::size_t entry = 3 + cpu_cells + 2;
    for (std::size_t at = 0; at + entry <= ranges.size() / 4; at += entry) {
        const std::uint32_t kind = *fdt::cell(ranges, at) >> 24 & 3;
        Window found{*fdt::cells(ranges, at + 1, 2), *fdt::cells(ranges, at + 3 + cpu_cells, 2),
                     PhysAddr{*fdt::cells(ranges, at + 3, cpu_cells)}};
        constexpr std::uint64_t most = 1ull << 52;
        if (kind == 0 || found.bus >= most || raw(found.cpu) >= most) continue;
        found.bytes = std::min(found.bytes, most);
        const std::uint64_t limit = kind == 3 ? most : 1ull << 32;
        if (found.bus >= limit) continue;
        found.bytes = std::min(found.bytes, limit - found.bus);
        Window& window = windows_[kind - 1];
        if (found.bytes > window.bytes) window = found;
    }
    return {};
}

Result<void> Host::init() {
    if (node_.region_count == 0) return Errc::invalid;
    if (node_.is("pci-host-cam-generic")) config_shift_ = 8;
    const Bytes range = property(node_, "bus-range");
    if (range.size() == 8) first_bus_ = *fdt::cell(range, 0), last_bus_ = *fdt::cell(range, 1);
    const std::uint64_t buses = node_.regions[0].bytes >> (config_shift_ + 8);
    if (first_bus_ > last_bus_ || last_bus_ > 255 || buses == 0) return Errc::invalid;
    if (last_bus_ - first_bus_ >= buses) last_bus_ = first_bus_ + static_cast<unsigned>(buses) - 1;
    const Bytes settled =
        node_.source ? node_.source->chosen("linux,pci-probe-only").value_or(Bytes{}) : Bytes{};
    is_settled_ = fdt::cell(settled, 0).value_or(0) != 0;
    return read_ranges();
}

Result<volatile char*> Host::config(std::uint16_t number) {
    const unsigned bus = number >> 8;
    if (bus < first_bus_ || bus > last_bus_) return Errc::invalid;
    const std::uint64_t offset = std::uint64_t{number - first_bus_ * 256} << config_shift_;
    const PhysAddr at = node_.regions[0].base + offset, page = align_down(at, page_size);
    if (!mapped_ || mapped_page_ != page) {
        mapped_ = static_cast<volatile char*>(TRY(map_device_(page, page_size)));
        mapped_page_ = page;
    }
    return mapped_ + (at - page);
}

// [linux] bindings "pci/pci-msi.yaml": (first number, controller, first number there, count).
irq::MessageController* Host::messages(std::uint16_t number, std::uint32_t& device) const {
    const Bytes map = property(node_, "msi-map");
    device = number;
    if (map.empty())
        return irq::message_controller(fdt::cell(property(node_, "msi-parent"), 0).value_or(0));
    const std::uint32_t masked =
        number & fdt::cell(property(node_, "msi-map-mask"), 0).value_or(0xffff);
    for (std::size_t at = 0; at + 4 <= map.size() / 4; at += 4) {
        const std::uint32_t within = masked - *fdt::cell(map, at);
        if (masked < *fdt::cell(map, at) || within >= *fdt::cell(map, at + 3)) continue;
        device = *fdt::cell(map, at + 2) + within;
        return irq::message_controller(*fdt::cell(map, at + 1));
    }
    return nullptr;
}

namespace {

Result<void> scan(drivers::DeviceNode& node, drivers::MapDevice map_device,
                  drivers::NodeSink& sink) {
    auto host = TRY(make_own<Host>(node, map_device));
    TRY(host->init());
    Scan scan(*host);
    scan.run(sink);
    if (scan.has_found()) host.leak(); // functions live for ever
    return {};
}

constexpr std::string_view models[] = {"pci-host-ecam-generic", "pci-host-cam-generic"};

} // namespace

DRUPE_DRIVER(pci_host) = {"pci-host", models, drivers::DeviceClass::bus, nullptr, nullptr, scan};

} // namespace drupe::pci
