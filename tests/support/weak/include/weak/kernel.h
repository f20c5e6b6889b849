// SPDX-License-Identifier: BSD-2-Clause
// The kernel's scheduler on the machine of weak/machine.h: CPUs that are brought up as real ones
// are, idle, wake each other by interrupts, and run kernel threads. Interrupts come at any point
// where they are not masked. An interrupt sent to a CPU makes known there what the sender did
// before, as the barriers in the drivers of interrupt controllers do. Time passes by itself.
#pragma once

#include <drupe/base/ref_ptr.h>

#include <atomic>
#include <cstdint>
#include <functional>

namespace weak::kernel {

/// Boots `cpus` CPUs (the first time in this process) and runs `main` in a kernel thread of CPU 0,
/// until every thread has ended and every CPU is idle.
void play(std::uint64_t seed, unsigned cpus, const std::function<void()>& main);

inline constexpr unsigned any_cpu = ~0u;

/// Threads; destroying it waits until they have ended. Context: thread.
class Threads {
public:
    Threads();
    ~Threads();
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;
    void start(unsigned cpu, std::function<void()> body);

private:
    struct State;
    drupe::RefPtr<State> state_;
};

/// What the scheduler does to another CPU.
void interrupt(unsigned cpu);

/// Where CPUs or threads of different CPUs meet to begin together. Orders nothing.
class Gate {
public:
    explicit Gate(unsigned count) : missing_(count) {}
    void pass();

private:
    std::atomic<unsigned> missing_;
};

/// One more CPU; returns when it runs threads. Context: thread or the boot CPU's idle thread.
void bring_up();

} // namespace weak::kernel
