// SPDX-License-Identifier: BSD-2-Clause
// Depth first: a bridge gets its bus number and its windows begin where the free addresses do; what
// is behind takes its own from them; then the numbers and windows end.
#include "host.h"
#include "registers.h"

#include <drupe/arch/io.h>
#include <drupe/base/format.h>
#include <drupe/trace/log.h>

#include <algorithm>

namespace drupe::pci {
namespace {

constexpr std::uint64_t io_unit = 0x1000, memory_unit = 0x10'0000; // of bridges' windows

bool is_there(std::uint32_t identity) {
    return (identity & 0xffff) != 0xffff && (identity & 0xffff) != 0;
}

} // namespace

Result<std::uint64_t> Scan::Pool::take(std::uint64_t bytes) {
    const std::uint64_t at = align_up(next, bytes);
    if (bytes == 0 || at < next || at > end || bytes > end - at) return Errc::no_space;
    next = at + bytes;
    return at;
}

Scan::Scan(Host& host) : host_(host), next_bus_(host.first_bus() + 1) {
    // Address 0 means none to many devices.
    for (unsigned i = 0; i < space_count; i++) {
        const Window& window = host.window(static_cast<Space>(i));
        const std::uint64_t unit = i == 0 ? io_unit : memory_unit;
        pools_[i] = {std::max(align_up(window.bus, unit), unit), window.bus + window.bytes};
    }
}

void Scan::run(drivers::NodeSink& sink) {
    scan_bus(host_.first_bus(), nullptr, 0);
    for (Function* at = first_; at; at = at->next_) emit(*at, sink);
}

void Scan::scan_bus(unsigned bus, Function* bridge, unsigned depth) {
    std::uint64_t& seen = seen_buses_[bus / 64];
    if (seen >> bus % 64 & 1) return;
    seen |= std::uint64_t{1} << bus % 64;
    unsigned slots = 32;
    if (bridge) {
        const unsigned kind = bridge->port_kind(); // behind a root or downstream port is one slot
        if (kind == 4 || kind == 6) slots = 1;
    }
    for (unsigned slot = 0; slot < slots; slot++) {
        const unsigned first = bus << 8 | slot << 3;
        const Function* function = scan_function(first, bridge, depth);
        if (!function || (function->read(header) >> 23 & 1) == 0) continue;
        for (unsigned n = 1; n < 8; n++) scan_function(first | n, bridge, depth);
    }
}

/// Null: there is none.
Function* Scan::scan_function(unsigned number, Function* bridge, unsigned depth) {
    const auto at = static_cast<std::uint16_t>(number);
    const auto config = host_.config(at);
    if (!config || !is_there(arch::mmio_read<std::uint32_t>(config.value()))) return nullptr;
    auto* const function = function_count_ < max_functions
                               ? new (std::nothrow) Function(host_, config.value(), at, bridge)
                               : nullptr;
    if (!function) {
        log(LogLevel::warning, "pci: function {:#x} is left out: there is no room for it", number);
        return nullptr;
    }
    function_count_++;
    *last_ = function;
    last_ = &function->next_;
    const unsigned kind = function->read(header) >> 16 & 0x7f;
    const unsigned bars = kind == 0 ? Function::bar_count : kind == 1 ? 2 : 0;
    const std::uint32_t as_found = function->read(command) & (decode_io | decode_memory);
    function->write(command, no_line); // quiet, while its registers are tried
    function->size_bars(bars);
    if (host_.is_settled()) {
        for (unsigned n = 0; n < bars; n++) find_address(*function, n);
        function->write(command, no_line | as_found);
    } else {
        for (unsigned n = 0; n < bars; n++) choose_address(*function, n, depth);
    }
    if (kind == 1) scan_bridge(*function, depth);
    return function;
}

bool Scan::place(Function& function, unsigned n, Space space) {
    const auto at = pool(space).take(function.bars_[n].bytes);
    if (!at) return false;
    const Window& window = host_.window(space);
    function.set_bar(n, at.value(), window.cpu + (at.value() - window.bus));
    return true;
}

void Scan::choose_address(Function& function, unsigned n, unsigned depth) {
    const Bar& bar = function.bars_[n];
    if (bar.bytes == 0) return;
    // A bridge has no window above 4 GiB but the prefetchable one.
    const bool may_be_high = bar.is_wide && has_high_ && (bar.is_prefetchable || depth == 0);
    if ((may_be_high && place(function, n, Space::high)) || place(function, n, bar.space)) return;
    log(LogLevel::warning, "pci: function {:#x} lacks {:#x} bytes of addresses",
        std::uint32_t{function.number()}, bar.bytes);
}

void Scan::find_address(Function& function, unsigned n) const {
    Bar& bar = function.bars_[n];
    if (bar.bytes == 0) return;
    std::uint64_t at = function.read(first_bar + n * 4) & (bar.space == Space::io ? ~3u : ~15u);
    if (bar.is_wide) at |= std::uint64_t{function.read(first_bar + n * 4 + 4)} << 32;
    for (Space space : {bar.space, Space::high}) {
        const Window& window = host_.window(space);
        if (at == 0 || at < window.bus || at - window.bus > window.bytes) continue;
        if (bar.bytes > window.bytes - (at - window.bus)) continue;
        if ((space == Space::io) != (bar.space == Space::io)) continue;
        bar.at = window.cpu + (at - window.bus);
        bar.has_address = true;
    }
}

void Scan::scan_bridge(Function& bridge, unsigned depth) {
    const unsigned bus = bridge.number() >> 8;
    if (depth == max_depth) return;
    if (host_.is_settled()) {
        const unsigned behind = bridge.read(bus_numbers) >> 8 & 0xff;
        if (behind > bus && behind <= host_.last_bus()) scan_bus(behind, &bridge, depth + 1);
    } else if (next_bus_ <= host_.last_bus()) {
        const unsigned behind = next_bus_++;
        bridge.write(bus_numbers, host_.last_bus() << 16 | behind << 8 | bus);
        open_bridge(bridge, behind, depth);
        bridge.write(bus_numbers, (next_bus_ - 1) << 16 | behind << 8 | bus);
    }
}

void Scan::open_bridge(Function& bridge, unsigned bus, unsigned depth) {
    std::uint64_t begin[space_count];
    const auto align = [this](unsigned i) { pools_[i].align(i == 0 ? io_unit : memory_unit); };
    for (unsigned i = 0; i < space_count; i++) {
        align(i);
        begin[i] = pools_[i].next;
    }
    const bool had_high = has_high_;
    has_high_ = had_high && (bridge.read(high_window) & 0xf) == 1; // 64 bits wide
    scan_bus(bus, &bridge, depth + 1);
    has_high_ = had_high;
    for (unsigned i = 0; i < space_count; i++) align(i);
    const auto last = [this](Space space) { return pool(space).next - 1; };
    const auto is_used = [&](Space space) {
        return begin[static_cast<unsigned>(space)] != pool(space).next;
    };
    const auto window = [&](Space space) { // of memory; closed when it ends before it begins
        const std::uint64_t from = begin[static_cast<unsigned>(space)];
        return is_used(space)
                   ? static_cast<std::uint32_t>((from >> 16 & 0xfff0) | (last(space) & 0xfff0'0000))
                   : 0xfff0u;
    };
    const std::uint64_t io = begin[0], high = begin[static_cast<unsigned>(Space::high)];
    bridge.write(io_window, is_used(Space::io) ? static_cast<std::uint32_t>(
                                                     (io >> 8 & 0xf0) | (last(Space::io) & 0xf000))
                                               : 0xf0u);
    bridge.write(io_upper,
                 static_cast<std::uint32_t>((io >> 16 & 0xffff) | (last(Space::io) & 0xffff'0000)));
    bridge.write(memory_window, window(Space::memory));
    bridge.write(high_window, window(Space::high));
    bridge.write(high_base, static_cast<std::uint32_t>(high >> 32));
    bridge.write(high_limit, static_cast<std::uint32_t>(last(Space::high) >> 32));
    bridge.set_command(decode_io | decode_memory, true);
}

void Scan::emit(Function& function, drivers::NodeSink& sink) {
    drivers::DeviceNode& node = function.node_;
    const std::uint32_t number = function.number();
    const std::uint32_t vendor = function.vendor(), device = function.device();
    node.name =
        format_into(function.name_, "{:02x}:{:02x}.{}", number >> 8, number >> 3 & 31, number & 7);
    BufferSink models(function.model_);
    format_to(models, "pci{:04x},{:04x}", vendor, device);
    models.put({"", 1});
    format_to(models, "pci{:04x}", vendor);
    models.put({"", 1});
    format_to(models, "pciclass,{:06x}", function.read(class_code) >> 8);
    node.compatible = models.text();
    node.parent = function.bridge_ ? &function.bridge_->node_ : &host_.node();
    node.function = &function;
    sink.emit(node);
}

namespace {

/// All that there is to do for a bridge is done when what is behind it is found.
Result<void> leave(drivers::DeviceNode&, drivers::MapDevice, drivers::NodeSink&) { return {}; }
constexpr std::string_view models[] = {"pciclass,060000", "pciclass,060400"};

} // namespace

DRUPE_DRIVER(pci_bridge) = {"pci-bridge", models,  drivers::DeviceClass::bus,
                            nullptr,      nullptr, leave};

} // namespace drupe::pci
