// SPDX-License-Identifier: BSD-2-Clause
// Arm Generic Interrupt Controller, version 2 ([arm/gicv2] IHI 0048): a distributor, and a CPU
// interface that each CPU sees at the same address.
#pragma once

#include <drupe/drivers/gic_frame.h>

#include <drupe/drivers/device.h>
#include <drupe/sync/spin_lock.h>

namespace drupe::drivers {

class GicV2 final : public Device, public irq::IrqChip {
public:
    GicV2(volatile void* distributor, volatile void* cpu_interface)
        : distributor_(distributor), cpu_interface_(cpu_interface) {}

    irq::IrqChip* irq_chip() override { return this; }
    const char* name() const override { return "gicv2"; }
    /// The n-th CPU to call it is the CPU n of send_ipi. no_device: more CPUs than the kernel
    /// keeps.
    Result<void> init_cpu() override;
    Result<void> configure(irq::IrqNumber irq, irq::Trigger trigger) override;
    void route(irq::IrqNumber irq, std::uint32_t cpu) override;
    void mask(irq::IrqNumber irq) override;
    void unmask(irq::IrqNumber irq) override;
    irq::IrqNumber acknowledge() override;
    void end(irq::IrqNumber irq) override;
    void send_ipi(std::uint32_t cpu, irq::IrqNumber irq) override;

private:
    gic::Frame distributor_;
    gic::Frame cpu_interface_;
    SpinLock<LockRank::irq_chip> lock_; // read-modify-write of fields
    std::uint32_t interrupt_count_ = 0;
    std::uint32_t cpu_count_ = 0;
    std::uint8_t targets_[DRUPE_MAX_CPUS] = {}; // one bit: the CPU's interface
};

} // namespace drupe::drivers
