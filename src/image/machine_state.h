// SPDX-License-Identifier: BSD-2-Clause
// What the machine is and how it ends: known to the composition alone.
#pragma once

#include <drupe/arch/boot.h>
#include <drupe/base/units.h>
#include <drupe/init/command_line.h>
#include <drupe/platform/platform.h>
#include <drupe/tty/port.h>

namespace drupe::image {

struct MachineState {
    arch::BootInfo boot{};
    const platform::Platform* platform = nullptr;
    const drivers::MachineInfo* machine = nullptr;
    drivers::Console* console = nullptr;
    drivers::PanicListener* panic_listener = nullptr;
    tty::PortDevice* status_port = nullptr; // null: the console takes the last word
    drivers::MapDevice map_registers = nullptr;
    init::Options options{};

    /// The log and the crash report speak through it from now on.
    void use_console(drivers::Console& console);
};
extern MachineState state;

/// How the machine's run ended.
struct Ending {
    enum class Kind : std::uint8_t { exited, killed, panicked, powered_off, halted, restarted };
    Kind kind;
    int value = 0; // exit status or signal
};
/// Tells the other end of the console that the kernel runs, when the command line asks for it.
void say_running();
/// From here on this CPU alone runs, and ends the machine; one that comes second, or later, stops.
/// `patience` as in stop_other_cpus(). Interrupts masked.
void claim_ending(Nanos patience);
/// Tells who started the machine, as agreed in docs/bootfs.md, and switches it off, or resets it
/// when that is how it ended. Any context.
[[noreturn]] void end_machine(Ending ending);

/// Read-only from now on: what boot alone had to write.
Result<void> seal_kernel();

} // namespace drupe::image
