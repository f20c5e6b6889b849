// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/drivers/device.h>
#include <drupe/drivers/machine.h>

// Made by the linker for a section whose name is a C identifier; weak, for an image without any
// driver.
extern "C" {
[[gnu::weak]] extern const drupe::drivers::Driver* const __start_drupe_drivers[];
[[gnu::weak]] extern const drupe::drivers::Driver* const __stop_drupe_drivers[];
}

namespace drupe::drivers {
namespace {

/// Calls `take` with each entry of a NUL-separated list until it returns true.
template <class Take>
bool for_each_model(std::string_view list, Take take) {
    while (!list.empty()) {
        const std::size_t end = list.find('\0');
        if (take(list.substr(0, end))) return true;
        if (end == std::string_view::npos) return false;
        list.remove_prefix(end + 1);
    }
    return false;
}

std::uint64_t load_be(std::span<const std::byte> bytes) {
    std::uint64_t value = 0;
    for (std::byte b : bytes) value = value << 8 | std::to_integer<std::uint64_t>(b);
    return value;
}

} // namespace

bool DeviceNode::is(std::string_view model) const {
    return for_each_model(compatible, [&](std::string_view entry) { return entry == model; });
}

std::optional<std::uint64_t> DeviceNode::number(std::string_view property) const {
    const auto value = source ? source->property(key, property) : std::nullopt;
    if (!value || (value->size() != 4 && value->size() != 8)) return std::nullopt;
    return load_be(*value);
}

Result<volatile void*> DeviceNode::map(unsigned region, MapDevice map_device) const {
    if (region >= region_count) return Errc::not_found;
    return map_device(regions[region].base, regions[region].bytes);
}

std::span<const Driver* const> all_drivers() {
    return {__start_drupe_drivers,
            static_cast<std::size_t>(__stop_drupe_drivers - __start_drupe_drivers)};
}

const Driver* find_driver(const DeviceNode& node) {
    const Driver* found = nullptr;
    for_each_model(node.compatible, [&](std::string_view model) {
        for (const Driver* driver : all_drivers())
            for (std::string_view known : driver->models)
                if (known == model) found = driver;
        return found != nullptr;
    });
    return found;
}

void add_memory(MachineInfo& machine, Region bank) {
    constexpr std::uint64_t limit = std::uint64_t{1} << 48;
    if (raw(bank.base) >= limit || bank.bytes < page_size) return;
    const std::uint64_t room = limit - raw(bank.base);
    std::uint64_t begin = raw(align_up(bank.base, page_size));
    std::uint64_t end =
        align_down(raw(bank.base) + (bank.bytes < room ? bank.bytes : room), page_size);
    auto& table = machine.memory;
    // Swallow every bank that touches or overlaps, then put the union in its place.
    std::size_t keep = 0;
    for (std::size_t i = 0; i < table.count; i++) {
        const Region other = table.items[i];
        const std::uint64_t other_end = raw(other.base) + other.bytes;
        if (begin >= end || other_end < begin || raw(other.base) > end) {
            table.items[keep++] = other;
            continue;
        }
        begin = begin < raw(other.base) ? begin : raw(other.base);
        end = end > other_end ? end : other_end;
    }
    table.count = keep;
    if (begin >= end || !table.add({PhysAddr{begin}, end - begin})) return;
    for (std::size_t i = table.count - 1; i > 0; i--) {
        if (table.items[i - 1].base <= table.items[i].base) break;
        const Region lower = table.items[i];
        table.items[i] = table.items[i - 1];
        table.items[i - 1] = lower;
    }
}

} // namespace drupe::drivers
