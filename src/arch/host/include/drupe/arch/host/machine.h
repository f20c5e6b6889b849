// SPDX-License-Identifier: BSD-2-Clause
// The simulated machine behind arch/host: CPUs with an interrupt mask and a one-shot timer, and one
// clock that moves only when a test moves it. Everything runs on one thread of the build machine,
// so a run depends on nothing but what the test does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drupe::arch::host {

struct SimCpu {
    void* thread_pointer = nullptr;
    bool irqs_enabled = true;
    bool raised = false;              // a device or another CPU asks for attention
    std::uint64_t timer = UINT64_MAX; // armed deadline in ticks
};

inline constexpr std::size_t max_cpus = 8;

struct Machine {
    SimCpu cpus[max_cpus];
    std::size_t cpu = 0; // the one whose instructions run now
    std::uint64_t clock = 0;
    std::uint64_t ticks_per_second = 1'000'000'000; // a tick is a nanosecond unless a test says so
    std::uint64_t interrupts = 0;                   // taken so far, all CPUs
    /// Who answers interrupts: called with this CPU's interrupts masked. Null: nothing is taken.
    void (*on_interrupt)() = nullptr;
    /// cpu_wait_for_interrupt() comes here. Null: returns at once.
    void (*on_wait)() = nullptr;
    /// Other CPUs may run now: called where this one masks interrupts, which surrounds most of what
    /// locks protect, and where it spins. Null: one CPU runs.
    void (*on_pause)(bool spins) = nullptr;
};
extern Machine machine;

inline SimCpu& this_cpu() { return machine.cpus[machine.cpu]; }

/// Back to the state of a fresh process.
void reset();
/// True when this CPU's timer has expired or it was raised.
bool interrupt_pending();
/// Takes the pending interrupt of this CPU, if there is one and the mask allows.
void deliver_interrupts();
/// See Machine::on_pause.
inline void pause(bool spins) {
    if (machine.on_pause) machine.on_pause(spins);
}
/// Lets time pass; takes what became due.
void advance(std::uint64_t ticks);

/// The window that counts as the program's memory: user addresses [base, base + bytes) lie at
/// `memory`. Without one, user addresses are addresses of the test itself.
void set_user_window(std::uint64_t base, void* memory, std::size_t bytes);
void clear_user_window();
/// Called for an access outside the window; true: try again (the test changed the window).
extern bool (*on_user_fault)(std::uint64_t address, bool write);

} // namespace drupe::arch::host
