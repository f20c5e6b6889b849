// SPDX-License-Identifier: BSD-2-Clause
#include "machine_state.h"

#include <drupe/arch/cpu.h>
#include <drupe/arch/irq_state.h>
#include <drupe/base/format.h>
#include <drupe/base/sections.h>
#include <drupe/mm/kernel_space.h>
#include <drupe/trace/log.h>

namespace drupe::image {

DRUPE_RO_AFTER_INIT constinit MachineState state;

void MachineState::use_console(drivers::Console& found) {
    console = &found;
    trace::install_console([](std::string_view bytes) { state.console->write(bytes); });
}

void end_machine(Ending ending) {
    arch::irq_disable();
    if (state.options.status_on_console) {
        char text[64];
        switch (ending.kind) {
        case Ending::Kind::exited:
            trace::write_console(format_into(text, "\x1b]drupe;exit={}\x1b\\", ending.value));
            break;
        case Ending::Kind::killed:
            trace::write_console(format_into(text, "\x1b]drupe;signal={}\x1b\\", ending.value));
            break;
        case Ending::Kind::panicked: trace::write_console("\x1b]drupe;panic\x1b\\"); break;
        }
    }
    const bool failed = ending.kind == Ending::Kind::panicked;
    if (state.platform)
        state.platform->power_off(failed ? platform::ExitReason::failed
                                         : platform::ExitReason::finished);
    arch::cpu_halt();
}

} // namespace drupe::image
