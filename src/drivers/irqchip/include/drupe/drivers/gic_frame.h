// SPDX-License-Identifier: BSD-2-Clause
// The registers that GICv2's distributor, GICv3's distributor and GICv3's redistributor SGI frame
// have in common, at the same offsets ([arm/gic] "GIC register descriptions"): one bit, two bits or
// one byte for each interrupt. Only 32-bit accesses: byte writes, which the architecture allows for
// priorities and targets, are lost on one hypervisor.
#pragma once

#include <drupe/arch/io.h>
#include <drupe/irq/irq_chip.h>

#include <cstddef>
#include <cstdint>

namespace drupe::drivers::gic {

enum Register : std::size_t {
    ctlr = 0x0,
    typer = 0x4,
    igroupr = 0x80,
    isenabler = 0x100,
    icenabler = 0x180,
    ipriorityr = 0x400,
    itargetsr = 0x800,
    icfgr = 0xc00,
    sgir = 0xf00,
};
constexpr std::uint32_t first_spi = 32;
constexpr std::uint32_t first_lpi = irq::first_message;
constexpr std::uint32_t first_special = 1020; // INTIDs 1020-1023: nothing to acknowledge
/// Every interrupt has one priority: nesting is not used. The upper half of the range is what a
/// non-secure view can express whole.
constexpr std::uint32_t priority = 0xa0;

class Frame {
public:
    constexpr Frame() = default;
    explicit Frame(volatile void* base) : base_(static_cast<volatile char*>(base)) {}

    std::uint32_t read(std::size_t offset) const {
        return arch::mmio_read<std::uint32_t>(base_ + offset);
    }
    void write(std::size_t offset, std::uint32_t value) const {
        arch::mmio_write<std::uint32_t>(base_ + offset, value);
    }
    volatile void* at(std::size_t offset) const { return base_ + offset; }

    void enable(std::uint32_t id) const { write(isenabler + id / 32 * 4, 1u << id % 32); }
    void disable(std::uint32_t id) const { write(icenabler + id / 32 * 4, 1u << id % 32); }
    void set_group1(std::uint32_t id) const { set_field(igroupr, id, 1, 1); }
    void set_priority(std::uint32_t id) const { set_field(ipriorityr, id, 8, priority); }
    void set_targets(std::uint32_t id, std::uint32_t cpus) const {
        set_field(itargetsr, id, 8, cpus);
    }
    /// The interrupt must be disabled. [arm/gic] "GICD_ICFGR": bit 1 of the field is edge.
    void set_trigger(std::uint32_t id, irq::Trigger trigger) const {
        set_field(icfgr, id, 2, trigger == irq::Trigger::edge ? 2 : 0);
    }
    void disable_all(std::uint32_t from, std::uint32_t to) const {
        for (std::uint32_t id = from; id < to; id += 32) write(icenabler + id / 32 * 4, ~0u);
    }
    /// How many INTIDs the distributor has. [arm/gic] "GICD_TYPER": ITLinesNumber.
    std::uint32_t interrupt_count() const {
        const std::uint32_t lines = ((read(typer) & 0x1f) + 1) * 32;
        return lines < first_special ? lines : first_special;
    }

private:
    void set_field(std::size_t offset, std::uint32_t id, unsigned width,
                   std::uint32_t value) const {
        const std::uint32_t per_word = 32 / width;
        const unsigned shift = id % per_word * width;
        const std::uint32_t mask = ((1u << width) - 1) << shift;
        const std::size_t word = offset + id / per_word * 4;
        write(word, (read(word) & ~mask) | value << shift);
    }
    volatile char* base_ = nullptr;
};

} // namespace drupe::drivers::gic
