// SPDX-License-Identifier: BSD-2-Clause
// A host bridge as the device tree describes it ([linux] bindings "pci/host-generic-pci.yaml").
#pragma once

#include <drupe/drivers/pci.h>

namespace drupe::pci {

/// A range of addresses on the bus, and where a CPU finds them.
struct Window {
    std::uint64_t bus = 0;
    std::uint64_t bytes = 0;
    PhysAddr cpu{};
};

class Host {
public:
    Host(drivers::DeviceNode& node, drivers::MapDevice map_device)
        : node_(node), map_device_(map_device) {}
    /// invalid: the description makes no sense.
    Result<void> init();

    unsigned first_bus() const { return first_bus_; }
    unsigned last_bus() const { return last_bus_; }
    /// Bus numbers and addresses are to stay as the firmware left them.
    bool is_settled() const { return is_settled_; }
    const Window& window(Space space) const { return windows_[static_cast<unsigned>(space)]; }
    drivers::DeviceNode& node() const { return node_; }

    /// The configuration space of a function. no_memory; invalid: the host has no such bus.
    Result<volatile char*> config(std::uint16_t number);
    /// Who takes the function's messages, and by which number; null: nobody.
    irq::MessageController* messages(std::uint16_t number, std::uint32_t& device) const;

private:
    Result<void> read_ranges();

    drivers::DeviceNode& node_;
    const drivers::MapDevice map_device_;
    unsigned config_shift_ = 12; // log2 of a function's configuration space
    unsigned first_bus_ = 0, last_bus_ = 255;
    bool is_settled_ = false;
    Window windows_[space_count];
    PhysAddr mapped_page_{};
    volatile char* mapped_ = nullptr;
};

/// Finds all functions behind the host and gives them addresses; first found first, linked through
/// next_. What cannot be had costs a line.
class Scan {
public:
    explicit Scan(Host& host);
    void run(drivers::NodeSink& sink);
    bool has_found() const { return first_ != nullptr; }

private:
    /// Addresses that are still free on the bus that is looked at.
    struct Pool {
        std::uint64_t next = 0, end = 0;
        Result<std::uint64_t> take(std::uint64_t bytes);
        void align(std::uint64_t to) { next = align_up(next, to); }
    };
    static constexpr unsigned max_depth = 8;
    static constexpr unsigned max_functions = 256;

    void scan_bus(unsigned bus, Function* bridge, unsigned depth);
    Function* scan_function(unsigned number, Function* bridge, unsigned depth);
    void scan_bridge(Function& bridge, unsigned depth);
    void open_bridge(Function& bridge, unsigned bus, unsigned depth);
    bool place(Function& function, unsigned n, Space space);
    void choose_address(Function& function, unsigned n, unsigned depth);
    void find_address(Function& function, unsigned n) const;
    void emit(Function& function, drivers::NodeSink& sink);
    Pool& pool(Space space) { return pools_[static_cast<unsigned>(space)]; }

    Host& host_;
    Pool pools_[space_count];
    bool has_high_ = true; // the way to this bus lets addresses beyond 4 GiB through
    unsigned next_bus_;
    std::uint64_t seen_buses_[4] = {};
    unsigned function_count_ = 0;
    Function* first_ = nullptr;
    Function** last_ = &first_;
};

} // namespace drupe::pci
