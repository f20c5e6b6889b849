// SPDX-License-Identifier: BSD-2-Clause
#include "host.h"
#include "registers.h"

#include <drupe/arch/io.h>

#include <bit>

namespace drupe::pci {

std::uint32_t Function::read(unsigned offset) const {
    return arch::mmio_read<std::uint32_t>(config_ + (offset & 0xfc));
}
void Function::write(unsigned offset, std::uint32_t value) const {
    arch::mmio_write<std::uint32_t>(config_ + (offset & 0xfc), value);
}

unsigned Function::capability(std::uint8_t kind, unsigned after) const {
    constexpr unsigned most = (256 - 64) / 4; // a list that is longer leads in a circle
    if ((read(command) >> 20 & 1) == 0) return 0;
    unsigned at = after ? read(after) >> 8 : read(capabilities);
    for (unsigned i = 0; i < most; i++) {
        at &= 0xfc;
        if (at < 64) return 0;
        const std::uint32_t word = read(at);
        // Its own place in the list is beyond `after`: otherwise callers would go round.
        if ((word & 0xff) == kind) return at;
        at = word >> 8;
    }
    return 0;
}

// [pcie] "PCI Express Capabilities Register": Device/Port Type.
unsigned Function::port_kind() const {
    const unsigned express = capability(cap_express);
    return express ? read(express) >> 20 & 0xf : 0;
}

void Function::set_command(std::uint32_t bits, bool is_on) const {
    const std::uint32_t now = read(command) & 0xffff; // zeros clear nothing in the status
    write(command, is_on ? now | bits : now & ~bits);
}

void Function::set_bus_master(bool is_on) {
    // What leads there lets through from the first time on.
    for (Function* at = bridge_; is_on && at; at = at->bridge_) at->set_command(bus_master, true);
    set_command(bus_master, is_on);
}

/// Returns how many registers it takes. Nothing is decoded meanwhile.
unsigned Function::size_bar(unsigned n, bool may_be_wide) {
    const unsigned at = first_bar + n * 4;
    const auto ask = [this](unsigned offset) {
        const std::uint32_t before = read(offset);
        write(offset, ~0u);
        const std::uint32_t mask = read(offset);
        write(offset, before);
        return mask;
    };
    const std::uint32_t mask = ask(at);
    if (mask == 0 || mask == ~0u) return 1;
    Bar bar;
    std::uint64_t fixed = ~std::uint64_t{0} << 32 | (mask & ~0xfu);
    if (mask & 1) {
        bar.space = Space::io;
        fixed = ~std::uint64_t{0xffff} | (mask & 0xfffc); // the upper half may be missing
    } else {
        bar.is_prefetchable = (mask & 8) != 0;
        bar.is_wide = (mask & 6) == 4;
        if (bar.is_wide && !may_be_wide) return 1;
        if (bar.is_wide) fixed = std::uint64_t{ask(at + 4)} << 32 | (mask & ~0xfu);
    }
    bar.bytes = ~fixed + 1;
    if (std::has_single_bit(bar.bytes)) bars_[n] = bar;
    return bar.is_wide ? 2 : 1;
}

void Function::size_bars(unsigned count) {
    for (unsigned n = 0; n < count;) n += size_bar(n, n + 1 < count);
}

void Function::set_bar(unsigned n, std::uint64_t bus_address, PhysAddr at) {
    write(first_bar + n * 4, static_cast<std::uint32_t>(bus_address));
    if (bars_[n].is_wide)
        write(first_bar + n * 4 + 4, static_cast<std::uint32_t>(bus_address >> 32));
    bars_[n].at = at;
    bars_[n].has_address = true;
}

Result<volatile void*> Function::map(unsigned n, std::uint64_t offset, std::uint64_t bytes,
                                     drivers::MapDevice map_device) {
    if (n >= bar_count || !bars_[n].has_address) return Errc::not_found;
    const Bar& bar = bars_[n];
    if (bytes == 0 || offset > bar.bytes || bytes > bar.bytes - offset) return Errc::not_found;
    set_command(bar.space == Space::io ? decode_io : decode_memory, true);
    return map_device(bar.at + offset, bytes);
}

} // namespace drupe::pci
