// SPDX-License-Identifier: BSD-2-Clause
// Interrupt masking of this CPU.
#pragma once

#include <drupe/arch/impl/irq_state.h>

#include <concepts>

// Provided by the backend, namespace drupe::arch:
//   struct IrqState;                    opaque, trivially copyable
//   IrqState irq_save()                 masks interrupts, returns what was before
//   void irq_restore(IrqState)
//   void irq_enable(), irq_disable()
//   bool irqs_enabled()
namespace drupe::arch {
static_assert(requires(IrqState s) {
    { irq_save() } -> std::same_as<IrqState>;
    { irq_restore(s) } -> std::same_as<void>;
    { irqs_enabled() } -> std::same_as<bool>;
});
} // namespace drupe::arch
