// SPDX-License-Identifier: BSD-2-Clause
#include <weak/kernel.h>

#include <weak/machine.h>
#include <weak/played.h>
#include <weak/runner.h>
#include <weak/sites.h>

#include <drupe/arch/host/machine.h>
#include <drupe/arch/irq_state.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/mutex.h>
#include <drupe/sched/thread.h>
#include <drupe/time/clock.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace weak::kernel {
namespace {

namespace host = drupe::arch::host;
namespace sched = drupe::sched;

/// Not of what is played: only the simulation reads and writes it.
struct State {
    bool is_booted = false;
    bool is_done = false;                        // the main thread has ended
    const std::function<void()>* next = nullptr; // the main thread, to be started
    sched::Thread* arriving[max_cpus] = {};      // idle threads of CPUs that may come up
    bool is_kicked[max_cpus] = {};
    View mail[max_cpus]; // what the senders of interrupts knew
    std::vector<void*> stacks;
} state;

drupe::Result<void*> allocate_stack() {
    NotPlayed guard;
    if (state.stacks.empty())
        state.stacks.push_back(static_cast<char*>(std::malloc(drupe::arch::host_stack_bytes)) +
                               drupe::arch::host_stack_bytes);
    void* top = state.stacks.back();
    state.stacks.pop_back();
    Machine::instance().memory().forget(static_cast<char*>(top) - drupe::arch::host_stack_bytes,
                                        drupe::arch::host_stack_bytes);
    return top;
}
void release_stack(void* top) {
    NotPlayed guard;
    state.stacks.push_back(top);
}

void kick(std::uint32_t cpu) {
    Machine& m = Machine::instance();
    m.point();
    NotPlayed guard;
    state.mail[cpu].join(m.memory().view(m.cpu()));
    state.is_kicked[cpu] = true;
    host::machine.cpus[cpu].raised = true;
}

void on_interrupt() {
    Machine& m = Machine::instance();
    const unsigned self = m.cpu();
    if (state.is_kicked[self]) {
        state.is_kicked[self] = false;
        m.memory().learn(self, state.mail[self]);
        sched::on_kick();
    }
    if (host::this_cpu().timer <= host::machine.clock) drupe::time::on_timer_interrupt();
}

void at_point() {
    Machine& m = Machine::instance();
    host::machine.clock += m.random().below(200);
    if (host::this_cpu().irqs_enabled && host::interrupt_pending() && m.random().one_in(3))
        host::deliver_interrupts();
}

bool is_due(unsigned cpu) {
    const host::SimCpu& sim = host::machine.cpus[cpu];
    return sim.raised || sim.timer <= host::machine.clock;
}
bool may_go_on(unsigned cpu) {
    return is_due(cpu) || (cpu == 0 && state.next) || state.arriving[cpu];
}

Machine::AllWait all_wait() {
    if (state.is_done) return Machine::AllWait::finished;
    std::uint64_t next = UINT64_MAX;
    for (const host::SimCpu& cpu : host::machine.cpus) next = std::min(next, cpu.timer);
    if (next == UINT64_MAX) return Machine::AllWait::deadlock;
    host::machine.clock = std::max(host::machine.clock, next);
    return Machine::AllWait::somebody_may_go_on;
}

void start_thread(const char* name, unsigned cpu, std::function<void()>* body) {
    const auto main = [](void* argument) {
        auto* function = static_cast<std::function<void()>*>(argument);
        (*function)();
        delete function;
    };
    auto thread = sched::Thread::create(name, main, body);
    if (!thread.ok()) Machine::instance().fail("no thread");
    if (cpu != any_cpu) {
        sched::CpuMask mask{};
        mask.add(cpu);
        thread.value()->set_affinity(mask);
    }
    thread.value()->start();
}

/// Idle CPUs come here, interrupts masked.
void on_wait() {
    Machine& m = Machine::instance();
    m.wait();
    if (m.cpu() != 0 || !state.next) return;
    const std::function<void()>& main = *std::exchange(state.next, nullptr);
    start_thread("main", 0, new std::function<void()>([&main] {
                     main();
                     state.is_done = true;
                 }));
}

/// A CPU that is off until bring_up().
void secondary() {
    Machine& m = Machine::instance();
    m.wait();
    const unsigned self = m.cpu();
    sched::Thread* idle = std::exchange(state.arriving[self], nullptr);
    m.memory().learn(self, state.mail[self]);
    host::this_cpu().irqs_enabled = false;
    host::this_cpu().thread_pointer = idle;
    sched::enter_cpu();
}

void boot(std::uint64_t seed, unsigned cpus) {
    host::reset();
    host::machine.on_interrupt = &on_interrupt;
    host::machine.on_wait = &on_wait;
    exempt(&host::machine, sizeof host::machine);
    exempt(&state, sizeof state);
    exempt(&NotPlayed::depth, sizeof NotPlayed::depth);
    exempt(&Machine::instance(), sizeof(Machine));
    drupe::time::init();
    sched::install({&allocate_stack, &release_stack});
    sched::install_kick(&kick);
    Machine& m = Machine::instance();
    m.hooks = {&may_go_on, &at_point, &all_wait, [](unsigned cpu) { host::machine.cpu = cpu; }};
    sched::init_boot_cpu();
    state.is_done = true;
    static std::vector<std::function<void()>> mains;
    mains.assign(max_cpus, &secondary);
    mains[0] = [cpus] {
        for (unsigned i = 1; i < cpus; ++i) bring_up();
        sched::idle_loop();
    };
    m.run(seed, mains);
}

} // namespace

void bring_up() {
    auto idle = sched::add_cpu();
    if (!idle.ok()) Machine::instance().fail("no CPU");
    const std::uint32_t index = sched::cpu_count();
    {
        NotPlayed guard; // what firmware does
        Machine& m = Machine::instance();
        state.mail[index] = m.memory().view(m.cpu());
        state.arriving[index] = idle.value();
    }
    while (sched::cpu_count() == index) drupe::arch::cpu_relax();
}

void play(std::uint64_t seed, unsigned cpus, const std::function<void()>& main) {
    if (!state.is_booted) boot(seed, cpus);
    state.is_booted = true;
    state.is_done = false;
    state.next = &main;
    Machine::instance().resume(seed);
}

void interrupt(unsigned cpu) { kick(cpu); }

void Gate::pass() {
    missing_.fetch_sub(1, std::memory_order_relaxed);
    while (missing_.load(std::memory_order_relaxed) != 0) drupe::arch::cpu_relax();
}

struct Threads::State : drupe::RefCounted<State> {
    static void destroy(State* self) { delete self; }
    std::atomic<unsigned> running{0};
    sched::WaitQueue ended;
};

Threads::Threads() : state_(drupe::RefPtr<State>::adopt(new State)) {}
Threads::~Threads() {
    const auto all_ended = [this] { return state_->running.load(std::memory_order_acquire) == 0; };
    (void)state_->ended.wait_until(all_ended, drupe::Nanos::never(), sched::Interruptible::no);
}

void Threads::start(unsigned cpu, std::function<void()> body) {
    state_->running.fetch_add(1, std::memory_order_relaxed);
    // Its own reference: the last wake-up may come when the waiting thread has gone on.
    start_thread("thread", cpu, new std::function<void()>([state = state_, body = std::move(body)] {
                     body();
                     state->running.fetch_sub(1, std::memory_order_release);
                     state->ended.wake_all();
                 }));
}

} // namespace weak::kernel
