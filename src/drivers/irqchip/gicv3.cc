// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/barrier.h>
#include <drupe/arch/cpu.h>
#include <drupe/arch/gic_cpu_interface.h>
#include <drupe/drivers/gicv3.h>

namespace drupe::drivers {
namespace {

// [arm/gic] "GICD_CTLR" (non-secure view, or security disabled), "GICR_CTLR", "GICR_WAKER",
// "GICR_TYPER", "GICD_IROUTER<n>"
constexpr std::uint32_t ctlr_enable_group1 = 1u << 0, ctlr_enable_group1a = 1u << 1;
constexpr std::uint32_t ctlr_are_ns = 1u << 4, ctlr_rwp = 1u << 31;
constexpr std::size_t irouter = 0x6000;
constexpr std::size_t r_ctlr = 0x0, r_typer = 0x8, r_waker = 0x14, r_sgi_frame = 0x10000;
constexpr std::uint32_t r_ctlr_rwp = 1u << 3;
constexpr std::uint32_t waker_processor_sleep = 1u << 1, waker_children_asleep = 1u << 2;
constexpr std::uint32_t typer_vlpis = 1u << 1, typer_last = 1u << 4;
constexpr std::uint64_t frame_bytes = 0x20000; // RD and SGI; with virtual LPIs two more
constexpr std::uint32_t sgi_count = 16;

/// Waits for a register's bits to become clear; io when the hardware does not get there.
Result<void> wait_clear(gic::Frame frame, std::size_t offset, std::uint32_t bits) {
    for (unsigned tries = 0; tries < 1'000'000; tries++) {
        if ((frame.read(offset) & bits) == 0) return {};
        arch::cpu_relax();
    }
    return Errc::io;
}

/// Aff3.Aff2.Aff1.Aff0 in one 32-bit number, as GICR_TYPER has it, of MPIDR's layout.
constexpr std::uint32_t packed_affinity(std::uint64_t hardware_id) {
    return static_cast<std::uint32_t>((hardware_id >> 32 & 0xff) << 24 | (hardware_id & 0xffffff));
}

} // namespace

GicV3::GicV3(volatile void* distributor, std::span<const Redistributors> redistributors,
             std::uint64_t stride)
    : distributor_(distributor), stride_(stride) {
    DRUPE_ASSERT(redistributors.size() <= max_redistributor_regions);
    for (std::size_t i = 0; i < redistributors.size(); i++) regions_[i] = redistributors[i];
}

Result<GicV3::Redistributor> GicV3::find_redistributor(std::uint64_t hardware_id) const {
    for (const Redistributors& region : regions_) {
        std::uint64_t step = 0;
        for (std::uint64_t at = 0; at + frame_bytes <= region.bytes; at += step) {
            const gic::Frame frame(static_cast<volatile char*>(region.base) + at);
            const std::uint32_t typer = frame.read(r_typer);
            if (frame.read(r_typer + 4) == packed_affinity(hardware_id))
                return Redistributor{frame, region.at + at};
            if ((typer & typer_last) != 0) break;
            step = stride_ ? stride_ : (typer & typer_vlpis) ? 2 * frame_bytes : frame_bytes;
        }
    }
    return Errc::no_device;
}

Result<void> GicV3::init_distributor() {
    distributor_.write(gic::ctlr, 0);
    TRY(wait_clear(distributor_, gic::ctlr, ctlr_rwp));
    interrupt_count_ = distributor_.interrupt_count();
    distributor_.disable_all(gic::first_spi, interrupt_count_);
    TRY(wait_clear(distributor_, gic::ctlr, ctlr_rwp));
    // Routing by affinity before any interrupt is routed: the registers change meaning with it.
    distributor_.write(gic::ctlr, ctlr_are_ns);
    TRY(wait_clear(distributor_, gic::ctlr, ctlr_rwp));
    distributor_.write(gic::ctlr, ctlr_are_ns | ctlr_enable_group1a | ctlr_enable_group1);
    return wait_clear(distributor_, gic::ctlr, ctlr_rwp);
}

Result<void> GicV3::init_redistributor(gic::Frame redistributor) {
    const std::uint32_t waker = redistributor.read(r_waker);
    if ((waker & (waker_processor_sleep | waker_children_asleep)) != 0) {
        redistributor.write(r_waker, waker & ~waker_processor_sleep);
        TRY(wait_clear(redistributor, r_waker, waker_children_asleep));
    }
    const gic::Frame sgi(redistributor.at(r_sgi_frame));
    sgi.disable_all(0, gic::first_spi);
    TRY(wait_clear(redistributor, r_ctlr, r_ctlr_rwp));
    sgi.write(gic::igroupr, ~0u);
    for (std::uint32_t id = 0; id < gic::first_spi; id += 4)
        sgi.write(gic::ipriorityr + id, gic::priority * 0x01010101u);
    sgi.write(gic::isenabler, 0xffff); // software interrupts
    return {};
}

Result<void> GicV3::init_cpu() {
    const std::uint64_t hardware_id = arch::gic_affinity();
    if (!arch::gic_enable_system_registers()) return Errc::not_supported;
    const Redistributor redistributor = TRY(find_redistributor(hardware_id));
    TRY(init_interface(hardware_id, redistributor));
    return lpis_ ? lpis_->init_cpu(cpu_count_ - 1) : Result<void>{};
}

Result<void> GicV3::init_interface(std::uint64_t hardware_id, const Redistributor& redistributor) {
    IrqGuard guard{lock_};
    if (cpu_count_ == DRUPE_MAX_CPUS) return Errc::no_device;
    if (cpu_count_ == 0) TRY(init_distributor());
    TRY(init_redistributor(redistributor.frame));
    cpus_[cpu_count_++] = {hardware_id, redistributor};
    arch::gic_enable_group1();
    return {};
}

// Interrupts below 32 belong to this CPU's redistributor, the others to the distributor.
gic::Frame GicV3::frame_for(std::uint32_t id) const {
    if (id >= gic::first_spi) return distributor_;
    const std::uint64_t self = arch::gic_affinity();
    std::uint32_t cpu = 0;
    while (cpu < cpu_count_ && cpus_[cpu].hardware_id != self) cpu++;
    DRUPE_ASSERT(cpu < cpu_count_); // init_cpu comes first
    return gic::Frame(cpus_[cpu].redistributor.frame.at(r_sgi_frame));
}

Result<void> GicV3::configure(irq::IrqNumber irq, irq::Trigger trigger) {
    const auto id = static_cast<std::uint32_t>(irq);
    if (id >= gic::first_lpi && lpis_) return {}; // always edge, and on
    if (id < sgi_count || id >= interrupt_count_) return Errc::invalid;
    IrqGuard guard{lock_};
    const gic::Frame frame = frame_for(id);
    frame.disable(id);
    // The disabling takes effect before the trigger may change.
    if (id >= gic::first_spi) TRY(wait_clear(distributor_, gic::ctlr, ctlr_rwp));
    frame.set_trigger(id, trigger);
    frame.set_group1(id);
    frame.set_priority(id);
    if (id >= gic::first_spi)
        arch::mmio_write<std::uint64_t>(distributor_.at(irouter + std::size_t{id} * 8),
                                        cpus_[0].hardware_id);
    return {};
}

void GicV3::route(irq::IrqNumber irq, std::uint32_t cpu) {
    DRUPE_ASSERT(cpu < cpu_count_);
    const auto id = static_cast<std::uint32_t>(irq);
    if (id >= gic::first_lpi) return lpis_->route(irq, cpu);
    arch::mmio_write<std::uint64_t>(distributor_.at(irouter + std::size_t{id} * 8),
                                    cpus_[cpu].hardware_id);
}

// An LPI is sent once for each message: what nobody wants is quietened at the device.
void GicV3::mask(irq::IrqNumber irq) {
    const auto id = static_cast<std::uint32_t>(irq);
    if (id >= gic::first_lpi) return;
    frame_for(id).disable(id);
}

void GicV3::unmask(irq::IrqNumber irq) {
    const auto id = static_cast<std::uint32_t>(irq);
    if (id >= gic::first_lpi) return;
    frame_for(id).enable(id);
}

irq::IrqNumber GicV3::acknowledge() {
    const std::uint32_t id = arch::gic_acknowledge();
    const bool is_special = id >= gic::first_special && id < gic::first_lpi;
    return is_special ? irq::no_interrupt : irq::IrqNumber{id};
}

void GicV3::end(irq::IrqNumber irq) { arch::gic_end(static_cast<std::uint32_t>(irq)); }

void GicV3::send_ipi(std::uint32_t cpu, irq::IrqNumber irq) {
    DRUPE_ASSERT(cpu < cpu_count_ && static_cast<std::uint32_t>(irq) < sgi_count);
    // [arm/gic] "ICC_SGI1R_EL1": a bit in a list of sixteen, and which sixteen (RS).
    const std::uint64_t id = cpus_[cpu].hardware_id;
    const std::uint64_t aff0 = id & 0xff, aff1 = id >> 8 & 0xff, aff2 = id >> 16 & 0xff;
    const std::uint64_t aff3 = id >> 32 & 0xff;
    // What this CPU wrote is visible to the other one before it takes the interrupt.
    arch::barrier_full();
    arch::gic_send_sgi(aff3 << 48 | (aff0 >> 4) << 44 | aff2 << 32 |
                       std::uint64_t{static_cast<std::uint32_t>(irq)} << 24 | aff1 << 16 |
                       std::uint64_t{1} << (aff0 & 0xf));
}

namespace {

constinit GicV3* the_chip = nullptr;
constexpr std::string_view models[] = {"arm,gic-v3"};

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    const std::uint64_t listed = node.number("#redistributor-regions").value_or(1);
    volatile void* distributor = TRY(node.map(0, map_device));
    GicV3::Redistributors regions[GicV3::max_redistributor_regions];
    unsigned count = 0;
    // Behind them stand the registers of a GICv2 compatibility interface, if any.
    for (; count < listed && count + 1 < node.region_count; count++) {
        const Region& region = node.regions[count + 1];
        regions[count] = {TRY(node.map(count + 1, map_device)), region.bytes, region.base};
    }
    const std::uint64_t stride = node.number("redistributor-stride").value_or(0);
    if (count == 0 || stride % 0x10000 != 0) return Errc::not_supported;
    auto chip = TRY(make_own<GicV3>(distributor, std::span(regions, count), stride));
    the_chip = chip.get();
    return OwnPtr<Device>(chip.leak());
}

} // namespace

GicV3* GicV3::installed() { return the_chip; }

DRUPE_DRIVER(gicv3) = {"gicv3", models, DeviceClass::irq_chip, probe};

} // namespace drupe::drivers
