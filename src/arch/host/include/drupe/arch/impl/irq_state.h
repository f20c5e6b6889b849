// SPDX-License-Identifier: BSD-2-Clause
// The simulator's interrupt mask. Unmasking takes what is pending, as a CPU does.
#pragma once

#include <drupe/arch/host/machine.h>

namespace drupe::arch {

struct IrqState {
    bool enabled;
};
inline bool irqs_enabled() { return host::this_cpu().irqs_enabled; }
inline void irq_disable() { host::this_cpu().irqs_enabled = false; }
inline void irq_enable() {
    host::this_cpu().irqs_enabled = true;
    host::deliver_interrupts();
}
inline IrqState irq_save() {
    host::pause(false);
    IrqState before{irqs_enabled()};
    irq_disable();
    return before;
}
inline void irq_restore(IrqState state) {
    if (state.enabled)
        irq_enable();
    else
        irq_disable();
}

} // namespace drupe::arch
