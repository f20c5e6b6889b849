// SPDX-License-Identifier: BSD-2-Clause
#include <sim/machine.h>

#include <drupe/arch/host/machine.h>
#include <drupe/arch/irq_state.h>
#include <drupe/sched/cpu.h>
#include <drupe/time/clock.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace sim {

using namespace drupe;
namespace host = arch::host;

namespace {

Machine* the_machine = nullptr;

Result<void*> allocate_stack() {
    char* base = static_cast<char*>(std::malloc(arch::host_stack_bytes));
    if (!base) return Errc::no_memory;
    return base + arch::host_stack_bytes;
}
void release_stack(void* top) { std::free(static_cast<char*>(top) - arch::host_stack_bytes); }

} // namespace

std::uint64_t Random::next() { // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

Machine::Machine(Options options) : options_(options), random_(options.seed) {
    if (the_machine) throw std::logic_error("one simulated machine at a time");
    the_machine = this;
    host::reset();
    host::machine.on_interrupt = &Machine::on_interrupt;
    time::init();
    time::on_timer_interrupt(); // forget what an earlier machine had armed
    sched::install({&allocate_stack, &release_stack});
    sched::init_boot_cpu();
    if (options.cpus > 1) start_cpus();
}

Machine::~Machine() {
    // A failed test leaves threads behind. Their timers must not outlive the machine; their memory
    // may.
    arch::irq_disable();
    host::machine.on_pause = nullptr;
    host::machine.clock = INT64_MAX / 2;
    for (std::size_t i = 0; i < sched::cpu_count(); ++i) {
        host::machine.cpu = i;
        host::this_cpu().thread_pointer = sched::cpu(static_cast<std::uint32_t>(i)).idle;
        while (time::TimerQueue::local().next() != Nanos::never()) {
            time::on_timer_interrupt();
            sched::cpu(static_cast<std::uint32_t>(i)).slice_timer.cancel();
        }
    }
    host::machine.cpu = 0;
    threads_.clear();
    host::reset();
    the_machine = nullptr;
}

Machine& Machine::instance() { return *the_machine; }

void Machine::main_of(void* sim_thread) {
    auto* self = static_cast<SimThread*>(sim_thread);
    try {
        self->body();
    } catch (...) { the_machine->failure_ = std::current_exception(); }
    self->body = nullptr;
    self->ended = true;
}

RefPtr<sched::Thread> Machine::spawn(std::string name, std::function<void()> body) {
    SimThread& t = threads_.emplace_back();
    t.name = std::move(name);
    t.body = std::move(body);
    auto created = sched::Thread::create(t.name, &Machine::main_of, &t);
    if (!created.ok()) throw std::runtime_error("no thread");
    t.thread = std::move(created).value();
    t.thread->start();
    return t.thread;
}

void Machine::interrupt_at(Nanos when, std::function<void()> handler) {
    events_.emplace(time::deadline_to_ticks(when), std::move(handler));
}

void Machine::on_interrupt() {
    Machine& m = *the_machine;
    if (!m.cpus_.empty() && std::exchange(m.cpus_[host::machine.cpu].kicked, false))
        sched::on_kick();
    if (host::this_cpu().timer <= host::machine.clock) time::on_timer_interrupt();
    while (!m.events_.empty() && m.events_.begin()->first <= host::machine.clock) {
        auto handler = std::move(m.events_.begin()->second);
        m.events_.erase(m.events_.begin());
        handler();
    }
    m.step();
}

std::uint64_t Machine::next_event() const {
    std::uint64_t at = host::this_cpu().timer;
    if (!events_.empty()) at = std::min(at, events_.begin()->first);
    return at;
}

void Machine::pass(Nanos duration, bool in_user) {
    std::uint64_t left = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.ns, 0));
    do {
        const std::uint64_t now = host::machine.clock;
        std::uint64_t chunk = std::min(left, random_.below(2 * left + 1) + 1);
        if (const std::uint64_t at = next_event(); at > now) chunk = std::min(chunk, at - now);
        left -= chunk;
        host::machine.clock += chunk;
        if (!events_.empty() && events_.begin()->first <= host::machine.clock)
            host::this_cpu().raised = true;
        host::deliver_interrupts();
        if (in_user) return_to_user();
    } while (left > 0);
}

void Machine::user(Nanos duration) {
    cpus_.empty() ? pass(duration, true) : pass_on_cpu(duration, true);
}
void Machine::kernel(Nanos duration) {
    cpus_.empty() ? pass(duration, false) : pass_on_cpu(duration, false);
}

void Machine::return_to_user() {
    arch::irq_disable();
    sched::schedule_if_needed();
    arch::irq_enable();
    step();
}

bool Machine::let_time_pass(Nanos limit) {
    const std::uint64_t at = next_event();
    const std::uint64_t end = limit == Nanos::never() ? UINT64_MAX : time::deadline_to_ticks(limit);
    if (at == UINT64_MAX || at > end) {
        if (end != UINT64_MAX) host::machine.clock = std::max(host::machine.clock, end);
        return false;
    }
    host::machine.clock = std::max(host::machine.clock, at);
    host::this_cpu().raised = true;
    host::deliver_interrupts();
    return true;
}

bool Machine::run(Nanos limit) {
    if (!cpus_.empty()) return run_cpus(limit);
    do {
        while (sched::cpu(0).queue.queued() != 0) {
            sched::yield(); // the test's stack is the idle thread: comes back when nobody can run
            step();
            if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
        }
    } while (let_time_pass(limit));
    return unfinished().empty();
}

std::vector<std::string> Machine::unfinished() const {
    std::vector<std::string> names;
    for (const SimThread& t : threads_)
        if (!t.ended) names.push_back(t.name);
    return names;
}

void Machine::step() {
    ++steps_;
    if (!cpus_.empty()) return; // see advance_clock()
    if (!options_.check || failure_) return;
    std::string broken = check();
    if (broken.empty()) return;
    failure_ = std::make_exception_ptr(std::logic_error("invariant: " + broken));
}

/// Who stands in front of a queue does so for a short time: the running thread's protection.
// Not analysed: nobody else runs.
std::string Machine::check_handed(const sched::Cpu& cpu) NO_THREAD_SAFETY_ANALYSIS {
    if (!cpu.queue.handed()) return {};
    if (cpu.running == cpu.idle) return "handed the CPU by nobody";
    if (cpu.queue.queued() != 1) return "handed the CPU while others wait";
    const Nanos limit = sched::RunQueue::protected_until(*cpu.running);
    if (!cpu.slice_timer.is_armed() || cpu.slice_timer.deadline() > limit)
        return "handed the CPU, and nobody looks again";
    return {};
}

std::string Machine::check() const {
    sched::Cpu& cpu = sched::cpu(0);
    std::size_t runnable = 0;
    std::int64_t weight = 0;
    for (const SimThread& t : threads_) {
        const sched::Thread& thread = *t.thread;
        const bool queued = thread.is_queued();
        const bool running = cpu.running == &thread;
        switch (thread.state()) {
        case sched::ThreadState::runnable:
            ++runnable;
            if (!queued) return t.name + " is runnable and on no queue";
            break;
        case sched::ThreadState::running:
            if (!running) return t.name + " runs on no CPU";
            [[fallthrough]];
        default:
            if (queued) return t.name + " is queued and not runnable";
        }
        if ((queued || running) && !thread.is_realtime()) {
            weight += thread.weight();
            if (&thread == cpu.queue.handed()) continue; // in no average; see check_handed()
            const std::int64_t lag = cpu.queue.lag_of(thread) * thread.weight() / (1 << 14);
            largest_lag_ = std::max({largest_lag_, lag, -lag});
        }
    }
    if (runnable != cpu.queue.queued()) return "the queue holds a stranger";
    if (weight != cpu.queue.load()) return "the queue's weight is not the sum of weights";
    if (std::string broken = check_handed(cpu); !broken.empty()) return broken;
    if (largest_lag_ > options_.lag_bound.ns)
        return "lag of " + std::to_string(largest_lag_) + " ns";
    return {};
}

} // namespace sim
