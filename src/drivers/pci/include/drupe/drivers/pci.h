// SPDX-License-Identifier: BSD-2-Clause
// Functions of PCI devices ([pci] Local Bus 3.0, Express Base). The bus driver finds them, gives
// them addresses and emits a node for each; a function decodes and masters nothing until its driver
// asks. Their models are those of [ieee1275] "PCI Bus Binding": "pci1af4,1042" for the device,
// "pciclass,010802" for what it is; and "pci1af4" for all of a vendor. Nothing that a function says
// is trusted.
//
// Context of all: the one thread that boots.
#pragma once

#include <drupe/drivers/device.h>
#include <drupe/irq/message.h>

#include <cstdint>

namespace drupe::pci {

class Host;

/// Windows of the host bridge, and what a base address register asks for.
enum class Space : std::uint8_t { io, memory, high };
inline constexpr unsigned space_count = 3;

/// What a function claims with a base address register. Without an address it cannot be used.
struct Bar {
    std::uint64_t bytes = 0; // 0: it claims nothing; else a power of two
    PhysAddr at{};           // for a CPU
    Space space = Space::memory;
    bool is_wide = false, is_prefetchable = false, has_address = false;
};

class Function {
public:
    static constexpr unsigned bar_count = 6;

    Function(Host& host, volatile char* config, std::uint16_t number, Function* bridge)
        : number_(number), host_(host), config_(config), bridge_(bridge) {}

    /// A register of the configuration space; `offset` a multiple of 4 below 256.
    std::uint32_t read(unsigned offset) const;
    void write(unsigned offset, std::uint32_t value) const;
    /// Where the first capability of that kind stands behind `after` (0: behind none); 0: nowhere.
    unsigned capability(std::uint8_t kind, unsigned after = 0) const;

    std::uint16_t vendor() const { return static_cast<std::uint16_t>(read(0)); }
    std::uint16_t device() const { return static_cast<std::uint16_t>(read(0) >> 16); }
    /// Bus, slot and function: 8, 5 and 3 bits.
    std::uint16_t number() const { return number_; }
    unsigned slot() const { return number_ >> 3 & 31; }
    const Bar& bar(unsigned n) const { return bars_[n]; }
    drivers::DeviceNode& node() { return node_; }

    /// Makes a part of what a base address register claims accessible. not_found: that is not
    /// there; no_memory.
    Result<volatile void*> map(unsigned bar, std::uint64_t offset, std::uint64_t bytes,
                               drivers::MapDevice map_device);
    /// Whether it may read and write memory, and so send messages. Taken away in any context.
    void set_bus_master(bool is_on);

    /// How many messages it can send from now on, instead of its line; at least 1. not_supported:
    /// it, or the machine, has none; no_memory, io.
    Result<unsigned> start_messages(drivers::MapDevice map_device);
    /// Attaches to message `index`, once, for a CPU as irq::attach does. Errors of that, and
    /// no_space: the machine has no more.
    Result<void> attach_message(unsigned index, irq::Handler handler, void* context,
                                std::uint32_t cpu);
    /// Back to the line. Only while no message is attached.
    void stop_messages();
    /// Attaches to the line, which others may share: the handler asks its device first. once.
    /// not_supported: no line leads to the chip.
    Result<void> attach_line(irq::Handler handler, void* context);

private:
    friend class Scan;
    struct LineUser;
    struct Line;
    /// 4: root port, 5: upstream port, 6: downstream port.
    unsigned port_kind() const;
    bool is_port() const { return port_kind() >= 4 && port_kind() <= 6; }
    bool has_own_number() const;
    void size_bars(unsigned count);
    unsigned size_bar(unsigned n, bool may_be_wide);
    void set_bar(unsigned n, std::uint64_t bus_address, PhysAddr at);
    std::optional<drivers::Interrupt> find_line() const;
    void set_command(std::uint32_t bits, bool is_on) const;
    void show(irq::IrqNumber number, irq::Trigger trigger);
    volatile char* table_entry(unsigned index) const { return table_ + index * 16; }

    const std::uint16_t number_;
    Host& host_;
    volatile char* const config_;
    Function* const bridge_; // it is behind; null: on the host's own bus
    Function* next_ = nullptr;
    Bar bars_[bar_count];
    irq::MessageController* messages_ = nullptr;
    std::uint32_t message_device_ = 0;
    unsigned message_capability_ = 0;
    volatile char* table_ = nullptr; // of MSI-X; null: MSI
    drivers::DeviceNode node_{};
    char model_[48], name_[12];
};

} // namespace drupe::pci
