// SPDX-License-Identifier: BSD-2-Clause
#include "machine_state.h"

#include "secondary_cpus.h"

#include <drupe/arch/cpu.h>
#include <drupe/arch/irq_state.h>
#include <drupe/base/format.h>
#include <drupe/base/sections.h>
#include <drupe/mm/kernel_space.h>
#include <drupe/sync/cpu_core.h>
#include <drupe/sync/lock_statistics.h>
#include <drupe/trace/log.h>

#include <atomic>

namespace drupe::image {

DRUPE_RO_AFTER_INIT constinit MachineState state;

void MachineState::use_console(drivers::Console& found) {
    console = &found;
    trace::install_console([](std::string_view bytes) { state.console->write(bytes); });
}

namespace {

void say(std::string_view word) {
    if (state.status_port) return state.status_port->send_now(word);
    trace::write_console(word);
}

void say_ending(Ending ending) {
    char text[64];
    switch (ending.kind) {
    case Ending::Kind::exited:
        return say(format_into(text, "\x1b]drupe;exit={}\x1b\\", ending.value));
    case Ending::Kind::killed:
        return say(format_into(text, "\x1b]drupe;signal={}\x1b\\", ending.value));
    case Ending::Kind::panicked: return say("\x1b]drupe;panic\x1b\\");
    case Ending::Kind::powered_off: return say("\x1b]drupe;poweroff\x1b\\");
    case Ending::Kind::halted: return say("\x1b]drupe;halt\x1b\\");
    case Ending::Kind::restarted: return say("\x1b]drupe;restart\x1b\\");
    }
}

} // namespace

void say_running() {
    if (state.options.status_on_console) trace::write_console("\x1b]drupe;log;\x1b\\");
}

void claim_ending(Nanos patience) {
    static constinit std::atomic<std::uint32_t> claimed_by{0}; // a CPU's number, and one
    const std::uint32_t self = this_cpu_core().index + 1;
    std::uint32_t before = 0;
    if (claimed_by.compare_exchange_strong(before, self, std::memory_order_relaxed))
        return stop_other_cpus(patience);
    if (before != self) stop_this_cpu();
}

void end_machine(Ending ending) {
    // A host that has no time for a virtual CPU may keep it from hearing for a while.
    constexpr Nanos patience{5'000'000'000};
    arch::irq_disable();
    claim_ending(patience); // nobody writes behind the last word
    lock_statistics::report(trace::write_console);
    if (state.options.status_on_console) say_ending(ending);
    if (state.platform && ending.kind == Ending::Kind::restarted) state.platform->reboot();
    const bool failed = ending.kind == Ending::Kind::panicked;
    if (failed && state.panic_listener) state.panic_listener->tell();
    if (state.platform)
        state.platform->power_off(failed ? platform::ExitReason::failed
                                         : platform::ExitReason::finished);
    arch::cpu_halt();
}

} // namespace drupe::image
