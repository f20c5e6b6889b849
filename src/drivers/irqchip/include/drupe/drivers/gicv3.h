// SPDX-License-Identifier: BSD-2-Clause
// Arm Generic Interrupt Controller, versions 3 and 4 ([arm/gic] IHI 0069): a distributor, a
// redistributor for each CPU, and a CPU interface in system registers. Everything runs in
// non-secure group 1, affinity routing on. LPIs are the business of a LocalityInterrupts.
#pragma once

#include <drupe/drivers/device.h>
#include <drupe/drivers/gic_frame.h>
#include <drupe/sync/spin_lock.h>

namespace drupe::drivers {

/// What makes LPIs, and knows where each goes.
class LocalityInterrupts {
public:
    /// The chip's CPU number `cpu` is up.
    virtual Result<void> init_cpu(std::uint32_t cpu) = 0;
    virtual void route(irq::IrqNumber irq, std::uint32_t cpu) = 0;

protected:
    ~LocalityInterrupts() = default;
};

class GicV3 final : public Device, public irq::IrqChip {
public:
    static constexpr unsigned max_redistributor_regions = DeviceNode::max_regions - 1;
    struct Redistributors {
        volatile void* base;
        std::uint64_t bytes;
        PhysAddr at{};
    };
    /// A CPU's redistributor, and where that stands for the hardware.
    struct Redistributor {
        gic::Frame frame;
        PhysAddr at;
    };
    /// `stride` of 0: the frames tell their own size.
    GicV3(volatile void* distributor, std::span<const Redistributors> redistributors,
          std::uint64_t stride);

    irq::IrqChip* irq_chip() override { return this; }
    const char* name() const override { return "gicv3"; }
    /// The n-th CPU to call it is the CPU n of send_ipi. no_device: this CPU has no redistributor,
    /// or there are more CPUs than the kernel keeps; not_supported: no system-register interface;
    /// io: the hardware does not answer.
    Result<void> init_cpu() override;
    Result<void> configure(irq::IrqNumber irq, irq::Trigger trigger) override;
    void route(irq::IrqNumber irq, std::uint32_t cpu) override;
    void mask(irq::IrqNumber irq) override;
    void unmask(irq::IrqNumber irq) override;
    irq::IrqNumber acknowledge() override;
    void end(irq::IrqNumber irq) override;
    void send_ipi(std::uint32_t cpu, irq::IrqNumber irq) override;

    /// The machine's, once probed; null.
    static GicV3* installed();
    /// [arm/gic] "GICD_TYPER": LPIS.
    bool has_lpis() const { return (distributor_.read(gic::typer) >> 17 & 1) != 0; }
    std::uint32_t cpu_count() const { return cpu_count_; }
    const Redistributor& redistributor(std::uint32_t cpu) const { return cpus_[cpu].redistributor; }
    /// From here on LPIs are taken. Once, by the boot CPU.
    void use(LocalityInterrupts& lpis) { lpis_ = &lpis; }

private:
    struct CpuState {
        std::uint64_t hardware_id;
        Redistributor redistributor;
    };
    Result<Redistributor> find_redistributor(std::uint64_t hardware_id) const;
    Result<void> init_distributor();
    Result<void> init_redistributor(gic::Frame redistributor);
    Result<void> init_interface(std::uint64_t hardware_id, const Redistributor& redistributor);
    gic::Frame frame_for(std::uint32_t id) const;

    gic::Frame distributor_;
    Redistributors regions_[max_redistributor_regions] = {};
    std::uint64_t stride_;
    LocalityInterrupts* lpis_ = nullptr;
    SpinLock<LockRank::irq_chip> lock_; // read-modify-write of fields
    std::uint32_t interrupt_count_ = 0;
    std::uint32_t cpu_count_ = 0;
    CpuState cpus_[DRUPE_MAX_CPUS] = {};
};

} // namespace drupe::drivers
