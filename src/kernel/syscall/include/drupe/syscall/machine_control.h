// SPDX-License-Identifier: BSD-2-Clause
// What reboot(2) needs and only the platform can do.
#pragma once

namespace drupe::syscall {

struct MachineControl {
    // They return only where the machine cannot do it.
    void (*power_off)();
    void (*restart)();
    void (*halt)();
};
/// Once, before the first program. Without it reboot(2) is not_supported.
void install_machine_control(const MachineControl& control);

} // namespace drupe::syscall
