// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/barrier.h>
#include <drupe/drivers/gicv2.h>

namespace drupe::drivers {
namespace {

// [arm/gicv2] "CPU interface register map"
enum CpuRegister : std::size_t {
    c_ctlr = 0x0,
    c_pmr = 0x4,
    c_bpr = 0x8,
    c_iar = 0xc,
    c_eoir = 0x10
};
constexpr std::uint32_t id_mask = 0x3ff;
constexpr std::uint32_t sgi_count = 16;

} // namespace

Result<void> GicV2::init_cpu() {
    IrqGuard guard{lock_};
    if (cpu_count_ == DRUPE_MAX_CPUS) return Errc::no_device;
    if (cpu_count_ == 0) {
        distributor_.write(gic::ctlr, 0);
        interrupt_count_ = distributor_.interrupt_count();
        distributor_.disable_all(gic::first_spi, interrupt_count_);
        distributor_.write(gic::ctlr, 1); // the one group this view has
    }
    // The first eight target registers are read-only and tell this CPU its own bit; with a single
    // CPU they read as zero.
    std::uint32_t own = 0;
    for (std::size_t word = 0; word < 8 && own == 0; word++) {
        std::uint32_t bits = distributor_.read(gic::itargetsr + word * 4);
        bits |= bits >> 16;
        own = (bits | bits >> 8) & 0xff;
    }
    targets_[cpu_count_++] = static_cast<std::uint8_t>(own ? own : 1);
    distributor_.disable_all(0, gic::first_spi);
    for (std::uint32_t id = 0; id < gic::first_spi; id += 4)
        distributor_.write(gic::ipriorityr + id, gic::priority * 0x01010101u);
    distributor_.write(gic::isenabler, 0xffff); // software interrupts
    cpu_interface_.write(c_pmr, 0xff);
    cpu_interface_.write(c_bpr, 0);
    // Enable; EOI drops the priority and deactivates. Bits above that choose whether an interrupt
    // that is not taken bypasses to the legacy lines stay as the firmware left them.
    const std::uint32_t bypass = cpu_interface_.read(c_ctlr) & 0x1e0;
    cpu_interface_.write(c_ctlr, bypass | 1);
    return {};
}

Result<void> GicV2::configure(irq::IrqNumber irq, irq::Trigger trigger) {
    const auto id = static_cast<std::uint32_t>(irq);
    if (id < sgi_count || id >= interrupt_count_) return Errc::invalid;
    IrqGuard guard{lock_};
    distributor_.disable(id);
    distributor_.set_trigger(id, trigger);
    distributor_.set_priority(id);
    if (id >= gic::first_spi) distributor_.set_targets(id, targets_[0]);
    return {};
}

void GicV2::route(irq::IrqNumber irq, std::uint32_t cpu) {
    DRUPE_ASSERT(cpu < cpu_count_);
    IrqGuard guard{lock_};
    distributor_.set_targets(static_cast<std::uint32_t>(irq), targets_[cpu]);
}

void GicV2::mask(irq::IrqNumber irq) { distributor_.disable(static_cast<std::uint32_t>(irq)); }
void GicV2::unmask(irq::IrqNumber irq) { distributor_.enable(static_cast<std::uint32_t>(irq)); }

irq::IrqNumber GicV2::acknowledge() {
    const std::uint32_t raw = cpu_interface_.read(c_iar);
    const std::uint32_t id = raw & id_mask;
    if (id >= gic::first_special) return irq::no_interrupt;
    // A software interrupt has to be ended with the sender's number, which a caller of end() does
    // not have: it is ended here. The same one may become pending again while it is handled.
    if (id < sgi_count) cpu_interface_.write(c_eoir, raw);
    return irq::IrqNumber{id};
}

void GicV2::end(irq::IrqNumber irq) {
    const auto id = static_cast<std::uint32_t>(irq);
    if (id >= sgi_count) cpu_interface_.write(c_eoir, id);
}

void GicV2::send_ipi(std::uint32_t cpu, irq::IrqNumber irq) {
    DRUPE_ASSERT(cpu < cpu_count_ && static_cast<std::uint32_t>(irq) < sgi_count);
    // What this CPU wrote is visible to the other one before it takes the interrupt.
    arch::barrier_dma_full();
    distributor_.write(gic::sgir,
                       std::uint32_t{targets_[cpu]} << 16 | static_cast<std::uint32_t>(irq));
}

namespace {

constexpr std::string_view models[] = {"arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a9-gic",
                                       "arm,cortex-a7-gic"};

Result<OwnPtr<Device>> probe(const DeviceNode& node, MapDevice map_device) {
    volatile void* distributor = TRY(node.map(0, map_device));
    volatile void* cpu_interface = TRY(node.map(1, map_device));
    auto chip = TRY(make_own<GicV2>(distributor, cpu_interface));
    return OwnPtr<Device>(chip.leak());
}

} // namespace

DRUPE_DRIVER(gicv2) = {"gicv2", models, DeviceClass::irq_chip, probe};

} // namespace drupe::drivers
