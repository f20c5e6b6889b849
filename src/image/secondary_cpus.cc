// SPDX-License-Identifier: BSD-2-Clause
// One after the other: the interrupt controller and the scheduler number CPUs in the order in which
// they arrive.
#include "secondary_cpus.h"

#include "machine_state.h"

#include <drupe/arch/cpu.h>
#include <drupe/arch/smp.h>
#include <drupe/arch/upcalls.h>
#include <drupe/irq/irq_chip.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/time/clock.h>
#include <drupe/trace/log.h>

#include <algorithm>
#include <atomic>

namespace drupe::image {
namespace {

// Software interrupts.
constexpr irq::IrqNumber kick_irq{0}, stop_irq{1};
// A host that has no time for a virtual CPU may keep it from arriving for a while.
constexpr Nanos patience{10'000'000'000};
constexpr Nanos look_interval{200'000};

constinit std::atomic<std::uint32_t> stopped{0};
constinit std::uint64_t boot_cpu = 0; // its hardware number

void send_kick(std::uint32_t cpu) { irq::chip().send_ipi(cpu, kick_irq); }

Result<void> attach_software_interrupts() {
    TRY(irq::attach(
        kick_irq, irq::Trigger::edge, [](void*) { sched::on_kick(); }, nullptr));
    TRY(irq::attach(
        stop_irq, irq::Trigger::edge, [](void*) { stop_this_cpu(); }, nullptr));
    sched::install_kick(send_kick);
    return {};
}

bool has_arrived(std::uint32_t cpu) {
    const Nanos end = time::now() + patience;
    while (sched::cpu_count() <= cpu && time::now() < end)
        static_cast<void>(
            sched::sleep_until(time::now() + look_interval, sched::Interruptible::no));
    return sched::cpu_count() > cpu;
}

Result<void> bring_up(const drivers::CpuNode& node) {
    const std::uint32_t number = sched::cpu_count();
    sched::Thread* idle = TRY(sched::add_cpu());
    arch::prepare_secondary(number, node.hardware_id, static_cast<sched::ThreadHeader*>(idle));
    TRY(state.platform->start_cpu(node.hardware_id, arch::secondary_entry(state.boot)));
    return has_arrived(number) ? Result<void>{} : Errc::timed_out;
}

void bring_up_all(void*) {
    for (const drivers::CpuNode& node : state.machine->cpus.all()) {
        if (node.hardware_id == boot_cpu || sched::cpu_count() == DRUPE_MAX_CPUS) continue;
        const Result<void> outcome = bring_up(node);
        if (outcome) continue;
        log(LogLevel::warning, "CPU {:#x} does not start; {} run", node.hardware_id,
            sched::cpu_count());
        if (outcome.error() == Errc::timed_out) break; // it may still come, out of turn
    }
    sched::expect_cpus(sched::cpu_count());
}

} // namespace

void start_secondary_cpus() {
    const std::size_t count = state.machine->cpus.all().size();
    if (const std::size_t off = state.machine->cpus.dropped)
        log(LogLevel::warning,
            "{} of {} CPUs stay off: this kernel runs at most {} (build option max_cpus)", off,
            count + off, count);
    if (count <= 1) return;
    boot_cpu = arch::hardware_id();
    auto helper = sched::Thread::create("cpus", bring_up_all, nullptr);
    if (!attach_software_interrupts() || !helper) {
        log(LogLevel::warning, "there is no memory for further CPUs; one runs");
        return;
    }
    sched::expect_cpus(static_cast<std::uint32_t>(std::min<std::size_t>(count, DRUPE_MAX_CPUS)));
    helper.value()->start();
}

void stop_this_cpu() {
    stopped.fetch_add(1, std::memory_order_relaxed);
    arch::cpu_halt();
}

void stop_other_cpus(Nanos patience) {
    if (sched::cpu_count() <= 1) return;
    const std::uint32_t others = sched::cpu_count() - 1;
    for (std::uint32_t i = 0; i <= others; ++i)
        if (i != sched::current().cpu->index) irq::chip().send_ipi(i, stop_irq);
    const Nanos end = time::now() + patience;
    while (stopped.load(std::memory_order_relaxed) < others && time::now() < end) arch::cpu_relax();
}

} // namespace drupe::image

namespace drupe::arch {

void secondary_main() {
    // Whoever calls for CPUs sees by their number that this one did not come.
    if (!image::state.platform->attach_cpu()) cpu_halt();
    sched::enter_cpu();
}

} // namespace drupe::arch
