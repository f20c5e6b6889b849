// SPDX-License-Identifier: BSD-2-Clause
// The interrupt translation service of a GICv3 ([arm/gic] "Interrupt Translation Service"): a
// message of a device becomes an LPI on the CPU chosen for it. It takes memory when the first
// device asks.
#pragma once

#include <drupe/drivers/gicv3.h>
#include <drupe/irq/message.h>
#include <drupe/sync/cpu_core.h>

namespace drupe::drivers {

class GicIts final : public Device, public irq::MessageController, public LocalityInterrupts {
public:
    GicIts(volatile void* base, PhysAddr at, GicV3& chip) : base_(base), at_(at), chip_(chip) {}

    Result<void> add_device(std::uint32_t device, unsigned count) override;
    Result<irq::Message> allocate(std::uint32_t device, unsigned index) override;
    Result<void> init_cpu(std::uint32_t cpu) override;
    void route(irq::IrqNumber irq, std::uint32_t cpu) override;

    static constexpr unsigned max_messages = 32; // of one device
    static constexpr unsigned lpi_count = interrupt_slots;

private:
    struct Command {
        std::uint64_t words[4];
    };
    struct Event {
        std::uint32_t device, index;
    };
    Result<void> start();
    Result<void> set_tables();
    /// Carries out a command and makes it take effect at the CPU of `cpu`.
    Result<void> run(const Command& command, std::uint32_t cpu);
    Result<void> issue(const Command& command) REQUIRES(lock_);
    std::uint64_t target(std::uint32_t cpu) const;

    gic::Frame base_;
    const PhysAddr at_;
    GicV3& chip_;
    SpinLock<LockRank::irq_chip> lock_; // the queue of commands
    Command* queue_ = nullptr;
    std::uint32_t next_ GUARDED_BY(lock_) = 0;
    PhysAddr settings_{}; // a byte for each LPI
    std::uint64_t device_limit_ = 0;
    std::uint32_t entry_bytes_ = 0; // of a device's table of events
    bool is_started_ = false, has_failed_ = false;
    Event events_[lpi_count] = {};
    std::uint32_t event_count_ = 0;
};

} // namespace drupe::drivers
