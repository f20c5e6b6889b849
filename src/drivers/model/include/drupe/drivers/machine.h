// SPDX-License-Identifier: BSD-2-Clause
// A machine as its firmware describes it, read once at boot into fixed tables (nothing can be
// allocated yet). Firmware may be wrong or hostile: whatever stands here has been checked to be in
// range, and tables that overflow drop entries and say so.
#pragma once

#include <drupe/drivers/device.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drupe::drivers {

template <class T, std::size_t n>
struct Table {
    static constexpr std::size_t capacity = n;
    T items[n];
    std::size_t count = 0;
    std::size_t dropped = 0; // for which there was no room

    bool add(const T& item) {
        if (count == capacity) {
            dropped++;
            return false;
        }
        items[count++] = item;
        return true;
    }
    std::span<T> all() { return {items, count}; }
    std::span<const T> all() const { return {items, count}; }
};

enum class CpuStart : std::uint8_t { none, psci, spin_table };
struct CpuNode {
    std::uint64_t hardware_id; // MPIDR affinity fields
    PhysAddr release_address;  // spin_table only
    CpuStart start;
};

/// The instruction that reaches the firmware.
enum class Conduit : std::uint8_t { none, hvc, smc };

struct MachineInfo {
    Table<Region, 32> memory;   // RAM: sorted, page aligned, without overlap
    Table<Region, 32> reserved; // not to be used: as given, may overlap each other
    Table<CpuNode, DRUPE_MAX_CPUS> cpus;
    Table<DeviceNode, 64> devices;

    std::string_view model;
    std::string_view command_line;
    std::optional<Region> initrd;
    std::span<const std::byte> entropy; // rng-seed, of any length
    std::uint64_t kaslr_seed = 0;       // 0: none

    Conduit conduit = Conduit::none;
    std::optional<Interrupt> virtual_timer;
    DeviceNode* irq_chip = nullptr;
    DeviceNode* console = nullptr; // what the firmware names, else the first that has a driver
    DeviceNode* clock = nullptr;
};

/// Adds RAM, keeping the table as promised. Parts outside the 48 physical address bits and empty
/// banks are dropped.
void add_memory(MachineInfo& machine, Region bank);

} // namespace drupe::drivers
