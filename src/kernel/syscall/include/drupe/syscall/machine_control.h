// SPDX-License-Identifier: BSD-2-Clause
// What reboot(2) needs and only the platform can do.
#pragma once

namespace drupe::syscall {

struct MachineControl {
    void (*power_off)(); // does not return
    void (*restart)();   // does not return, unless the machine cannot
    void (*halt)();      // does not return
};
/// Once, before the first program. Without it reboot(2) is not_supported.
void install_machine_control(const MachineControl& control);

} // namespace drupe::syscall
