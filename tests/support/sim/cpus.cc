// SPDX-License-Identifier: BSD-2-Clause
// Several simulated CPUs: one clock for all, which moves when every CPU computes or waits.
#include <sim/machine.h>

#include <drupe/arch/host/machine.h>
#include <drupe/arch/irq_state.h>
#include <drupe/sched/cpu.h>
#include <drupe/time/clock.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace sim {

using namespace drupe;
namespace host = arch::host;

namespace {

/// A CPU may idle beside a thread that it could run for as long as the other one's turn takes.
constexpr std::uint64_t idle_bound = 0;
/// A CPU that spins this often while nothing else can happen waits for ever.
constexpr std::uint64_t spin_bound = 1'000'000;

sched::Cpu& kernel_cpu(std::size_t n) { return sched::cpu(static_cast<std::uint32_t>(n)); }

void arrive() {
    arch::irq_disable();
    sched::enter_cpu();
}

} // namespace

void Machine::start_cpus() {
    cpus_.reserve(options_.cpus); // whoever stands holds a reference
    cpus_.resize(1);
    sched::install_kick([](std::uint32_t cpu) {
        instance().cpus_[cpu].kicked = true;
        host::machine.cpus[cpu].raised = true;
    });
    host::machine.on_wait = [] { instance().stand(Doing::waits); };
    for (std::size_t i = 1; i < options_.cpus - options_.late_cpus; ++i) {
        bring_up();
        host::machine.cpu = i; // as far as its first wait
        flows_.resume(i);
    }
    host::machine.cpu = 0;
    host::machine.on_pause = &Machine::pause;
}

void Machine::bring_up() {
    const std::size_t i = cpus_.size();
    auto idle = sched::add_cpu();
    if (!idle.ok()) throw std::runtime_error("no CPU");
    sched::Thread* thread = idle.value();
    thread->cpu->moved_at = 0; // an earlier machine's clock said when
    host::machine.cpus[i].thread_pointer = thread;
    flows_.add(i, reinterpret_cast<void*>(thread->kernel_stack_top), arch::host_stack_bytes,
               &arrive);
    cpus_.emplace_back().idle_since = host::machine.clock;
}

void Machine::pause(bool spins) {
    Machine& m = instance();
    if (!spins && !m.random_.one_in(m.options_.pause_rate)) return;
    m.cpus_[host::machine.cpu].spins = spins;
    m.go_on();
    if (spins) host::deliver_interrupts();
}

bool Machine::can_go_on(std::size_t n) const {
    const host::SimCpu& cpu = host::machine.cpus[n];
    const bool pending = cpu.raised || cpu.timer <= host::machine.clock;
    switch (cpus_[n].doing) {
    case Doing::runs: return true;
    case Doing::waits: return pending;
    case Doing::computes:
        return cpus_[n].until <= host::machine.clock || (pending && cpu.irqs_enabled);
    }
    return false;
}

/// Some CPU goes on; returns when this one is chosen.
void Machine::go_on() {
    for (;;) {
        std::size_t able[8], count = 0, spinning = 0;
        for (std::size_t n = 0; n < cpus_.size(); ++n) {
            if (!can_go_on(n)) continue;
            able[count++] = n;
            spinning += cpus_[n].doing == Doing::runs && cpus_[n].spins;
        }
        // Who spins looks again a few times; then what the others compute gets done.
        if (count == spinning && ++spins_ % (8 * count + 1) == 0) {
            if (advance_clock(count == 0)) continue;
            if (count == 0) {
                is_over_ = true;
                able[count++] = 0;
            }
        }
        if (spins_ > spin_bound) throw std::logic_error("a CPU spins for ever");
        const std::size_t chosen = able[random_.below(count)];
        if (count != spinning) spins_ = 0;
        cpus_[chosen].spins = false;
        host::machine.cpu = chosen;
        flows_.resume(chosen);
        return;
    }
}

void Machine::stand(Doing doing, std::uint64_t until) {
    CpuState& self = cpus_[host::machine.cpu];
    self.doing = doing;
    self.until = until;
    if (host::machine.on_pause)
        go_on();
    else
        flows_.resume(0); // has just arrived
    self.doing = Doing::runs;
}

/// To the next thing that happens; false: nothing will before the end. `all_rest`: no CPU is in the
/// middle of anything.
bool Machine::advance_clock(bool all_rest) NO_THREAD_SAFETY_ANALYSIS {
    std::uint64_t at = events_.empty() ? UINT64_MAX : events_.begin()->first;
    std::uint64_t end = end_;
    for (std::size_t n = 0; n < cpus_.size(); ++n) {
        at = std::min(at, host::machine.cpus[n].timer);
        if (cpus_[n].doing != Doing::computes) continue;
        at = std::min(at, cpus_[n].until);
        end = UINT64_MAX; // what has begun is brought to its end
    }
    if (at == UINT64_MAX || at > end || at <= host::machine.clock) return false;
    if (all_rest && options_.check && !failure_) {
        std::string broken = check_cpus();
        if (broken.empty()) broken = check_idle();
        if (!broken.empty())
            failure_ = std::make_exception_ptr(std::logic_error("invariant: " + broken));
    }
    host::machine.clock = at;
    if (!events_.empty() && events_.begin()->first <= at)
        host::machine.cpus[random_.below(cpus_.size())].raised = true;
    return true;
}

void Machine::pass_on_cpu(Nanos duration, bool in_user) {
    std::uint64_t left = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.ns, 0));
    do {
        const std::uint64_t began = host::machine.clock;
        const std::uint64_t chunk = std::min(left, random_.below(2 * left + 1) + 1);
        stand(Doing::computes, began + chunk);
        left -= std::min(left, host::machine.clock - began);
        if (arch::irqs_enabled()) host::deliver_interrupts();
        if (in_user) return_to_user();
    } while (left > 0);
}

bool Machine::run_cpus(Nanos limit) {
    end_ = limit == Nanos::never() ? UINT64_MAX : time::deadline_to_ticks(limit);
    is_over_ = false;
    // CPU 0's idle thread is the test.
    while (!is_over_ && !failure_) sched::idle_once();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (end_ != UINT64_MAX) host::machine.clock = std::max(host::machine.clock, end_);
    return unfinished().empty();
}

// Not analysed: nobody else runs.
std::string Machine::check_cpus() const NO_THREAD_SAFETY_ANALYSIS {
    std::vector<std::size_t> runnable(cpus_.size());
    std::vector<std::int64_t> weight(cpus_.size());
    for (const SimThread& t : threads_) {
        const sched::Thread& thread = *t.thread;
        if (thread.state() == sched::ThreadState::created) continue;
        const std::size_t home = thread.cpu->index;
        std::size_t runs = 0, queues = 0;
        for (std::size_t n = 0; n < cpus_.size(); ++n) {
            runs += kernel_cpu(n).running == &thread;
            kernel_cpu(n).queue.for_each_queued(
                [&](const sched::Entity& e) { queues += &e == &thread; });
        }
        const bool at_home = kernel_cpu(home).running == &thread;
        switch (thread.state()) {
        case sched::ThreadState::runnable:
            ++runnable[home];
            if (queues != 1)
                return t.name + " is runnable and on " + std::to_string(queues) + " queues";
            if (runs != 0) return t.name + " is queued and runs";
            break;
        case sched::ThreadState::running:
            if (runs != 1 || !at_home) return t.name + " runs on no CPU of its own";
            if (!thread.affinity().has(static_cast<std::uint32_t>(home)) &&
                (thread.work.load(std::memory_order_relaxed) & sched::work_reschedule) == 0)
                return t.name + " runs where it must not";
            [[fallthrough]];
        default:
            if (queues != 0) return t.name + " is queued and not runnable";
        }
        if ((queues != 0 || runs != 0) && !thread.is_realtime()) {
            weight[home] += thread.weight();
            if (&thread == kernel_cpu(home).queue.handed()) continue;
            const std::int64_t lag =
                kernel_cpu(home).queue.lag_of(thread) * thread.weight() / (1 << 14);
            largest_lag_ = std::max({largest_lag_, lag, -lag});
        }
    }
    for (std::size_t n = 0; n < cpus_.size(); ++n) {
        if (runnable[n] != kernel_cpu(n).queue.queued()) return "a queue holds a stranger";
        if (weight[n] != kernel_cpu(n).queue.load())
            return "a queue's weight is not the sum of weights";
        if (std::string broken = check_handed(kernel_cpu(n)); !broken.empty()) return broken;
    }
    if (largest_lag_ > options_.lag_bound.ns)
        return "lag of " + std::to_string(largest_lag_) + " ns";
    return {};
}

/// No CPU idles for long while a thread that may run on it waits for another.
std::string Machine::check_idle() NO_THREAD_SAFETY_ANALYSIS {
    for (std::size_t n = 0; n < cpus_.size(); ++n) {
        const bool idles = kernel_cpu(n).running == kernel_cpu(n).idle;
        const bool could = std::any_of(threads_.begin(), threads_.end(), [&](const SimThread& t) {
            return t.thread->state() == sched::ThreadState::runnable &&
                   t.thread->affinity().has(static_cast<std::uint32_t>(n));
        });
        if (!idles || !could)
            cpus_[n].idle_since = host::machine.clock;
        else if (host::machine.clock - cpus_[n].idle_since > idle_bound)
            return "CPU " + std::to_string(n) + " idles beside a runnable thread";
    }
    return {};
}

} // namespace sim
