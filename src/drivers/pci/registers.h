// SPDX-License-Identifier: BSD-2-Clause
// The configuration space of a function ([pci] "Configuration Space"), in words of 32 bits.
#pragma once

#include <cstdint>

namespace drupe::pci {

enum Register : unsigned {
    identity = 0x00,
    command = 0x04, // and status, whose bits are cleared by ones
    class_code = 0x08,
    header = 0x0c,
    first_bar = 0x10,
    subsystem = 0x2c,
    capabilities = 0x34,
    interrupt_pin = 0x3c,
    // of a bridge:
    bus_numbers = 0x18,
    io_window = 0x1c, // and the secondary side's status
    memory_window = 0x20,
    high_window = 0x24,
    high_base = 0x28,
    high_limit = 0x2c,
    io_upper = 0x30,
};
enum Command : std::uint32_t {
    decode_io = 1 << 0,
    decode_memory = 1 << 1,
    bus_master = 1 << 2,
    no_line = 1 << 10,
};
enum Capability : std::uint8_t {
    cap_msi = 0x05,
    cap_vendor = 0x09,
    cap_express = 0x10,
    cap_msix = 0x11
};

} // namespace drupe::pci
