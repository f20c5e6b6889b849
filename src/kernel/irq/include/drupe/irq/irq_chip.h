// SPDX-License-Identifier: BSD-2-Clause
// What the kernel needs of an interrupt controller. Drivers implement, the platform installs.
#pragma once

#include <drupe/base/result.h>

#include <cstddef>
#include <cstdint>

namespace drupe {
struct CpuCore;
}

namespace drupe::irq {

/// An interrupt number as the chip counts (INTID on a GIC): below 1024, or from first_message on,
/// where each stands for messages of one kind.
enum class IrqNumber : std::uint32_t {};
inline constexpr std::uint32_t first_message = 8192;
enum class Trigger : std::uint8_t { level, edge };

class IrqChip {
public:
    virtual const char* name() const = 0;
    /// Brings up this CPU's interface; the first call also the shared part. Interrupts masked.
    virtual Result<void> init_cpu() = 0;
    virtual Result<void> configure(IrqNumber irq, Trigger trigger) = 0;
    /// Sends a shared interrupt to that CPU, whose interface is up, from now on. A chip that cannot
    /// leaves it where it is.
    virtual void route(IrqNumber, std::uint32_t) {}
    virtual void mask(IrqNumber irq) = 0;
    virtual void unmask(IrqNumber irq) = 0;
    /// The pending interrupt of highest priority, acknowledged; or no_interrupt.
    virtual IrqNumber acknowledge() = 0;
    virtual void end(IrqNumber irq) = 0;
    /// A software interrupt to one CPU.
    virtual void send_ipi(std::uint32_t cpu, IrqNumber irq) = 0;

protected:
    ~IrqChip() = default;
};
inline constexpr IrqNumber no_interrupt{~0u};

/// Context: handlers run with interrupts masked and must not sleep.
using Handler = void (*)(void* context);

/// Installs the chip of the machine; once.
void install_chip(IrqChip& chip);
IrqChip& chip();
/// Attaches and unmasks. The first CPU takes it, then `cpu` as soon as that one is there. busy: the
/// number is taken; no_memory.
Result<void> attach(IrqNumber irq, Trigger trigger, Handler handler, void* context,
                    std::uint32_t cpu = 0);
/// The next CPU's interface is up: it gets the interrupts meant for it.
void cpu_arrived();
/// The upcall's work: acknowledge, dispatch, end, until nothing is pending.
void dispatch();
/// The attached interrupts, n < in_use(): their numbers, and how often a CPU took each, modulo
/// 2^32.
std::size_t in_use();
IrqNumber number_of(std::size_t n);
std::uint32_t count(const CpuCore& cpu, std::size_t n);

} // namespace drupe::irq
