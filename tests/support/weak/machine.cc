// SPDX-License-Identifier: BSD-2-Clause
#include <weak/machine.h>

#include <weak/runner.h>
#include <weak/sites.h>

#include <cstdio>
#include <cstdlib>

namespace weak {
namespace {

constexpr std::size_t stack_bytes = 256 * 1024;
/// No CPU goes on alone for longer: a loop that waits for another one must see it move.
constexpr unsigned most_alone = 64;

const char* name_of(int order) {
    constexpr const char* names[] = {"relaxed", "consume", "acquire",
                                     "release", "acq_rel", "seq_cst"};
    return names[order];
}

} // namespace

std::uint64_t Random::next() { // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

Machine& Machine::instance() {
    static Machine machine;
    return machine;
}

void Machine::begin() {
    Machine& machine = instance();
    Cpu& self = machine.cpus_[machine.cpu_];
    (*self.main)();
    self.state = State::done;
    const unsigned next = machine.choose();
    if (next == machine.count_) machine.leave();
    machine.go_on_with(next);
}

void Machine::start(unsigned index, const std::function<void()>& main) {
    Cpu& cpu = cpus_[index];
    cpu.main = &main;
    cpu.state = State::ready;
    cpu.stack.resize(stack_bytes);
    getcontext(&cpu.context);
    cpu.context.uc_stack.ss_sp = cpu.stack.data();
    cpu.context.uc_stack.ss_size = cpu.stack.size();
    cpu.context.uc_link = nullptr;
    makecontext(&cpu.context, &Machine::begin, 0);
}

void Machine::set_seed(std::uint64_t seed) {
    seed_ = seed;
    random_ = Random(seed);
    constexpr unsigned rates[] = {2, 3, 5, 12, 40};
    switch_rate_ = rates[random_.below(5)];
    stale_rate_ = rates[random_.below(3)];
    steps_ = alone_ = 0;
    memory_.reset();
}

void Machine::enter() {
    if (hooks.now_runs) hooks.now_runs(cpu_);
    playing_ = true;
    swapcontext(&outside_, &cpus_[cpu_].context);
}

void Machine::leave() {
    playing_ = false;
    swapcontext(&cpus_[cpu_].context, &outside_);
}

void Machine::run(std::uint64_t seed, const std::vector<std::function<void()>>& cpus) {
    set_seed(seed);
    count_ = static_cast<unsigned>(cpus.size());
    for (unsigned i = 0; i < count_; ++i) start(i, cpus[i]);
    cpu_ = static_cast<unsigned>(random_.below(count_));
    enter();
}

void Machine::resume(std::uint64_t seed) {
    set_seed(seed);
    enter(); // in choose()
}

unsigned Machine::choose() {
    for (;;) {
        unsigned ready = 0, left = 0, chosen = count_;
        for (unsigned i = 0; i < count_; ++i) {
            Cpu& cpu = cpus_[i];
            if (cpu.state == State::done) continue;
            ++left;
            if (cpu.state == State::waiting && !hooks.may_go_on(i)) continue;
            if (random_.one_in(++ready)) chosen = i;
        }
        if (chosen != count_ || left == 0) return chosen;
        const AllWait outcome = hooks.all_wait();
        if (outcome == AllWait::deadlock) fail("every CPU waits");
        if (outcome == AllWait::finished) leave(); // and comes back in resume()
    }
}

void Machine::go_on_with(unsigned next) {
    alone_ = 0;
    if (next == cpu_ && cpus_[next].state != State::done) {
        cpus_[next].state = State::ready;
        return;
    }
    Cpu& from = cpus_[cpu_];
    cpu_ = next;
    cpus_[next].state = State::ready;
    if (hooks.now_runs) hooks.now_runs(next);
    swapcontext(&from.context, &cpus_[next].context);
}

void Machine::point() {
    if (++alone_ > most_alone || random_.one_in(switch_rate_)) go_on_with(choose());
    if (hooks.interrupt) hooks.interrupt();
}

void Machine::wait() {
    cpus_[cpu_].state = State::waiting;
    go_on_with(choose());
}

void Machine::record(const Step& step) {
    last_[steps_++ % last_.size()] = step;
    if (steps_ > step_limit) fail("it does not end");
}

void Machine::fail(const std::string& what) {
    playing_ = false;
    std::string text = what;
    char line[96];
    std::snprintf(line, sizeof line,
                  "\n  seed %llu, step %u; the last steps:", static_cast<unsigned long long>(seed_),
                  steps_);
    text += line;
    const unsigned first = steps_ > last_.size() ? steps_ - static_cast<unsigned>(last_.size()) : 0;
    for (unsigned i = first; i < steps_; ++i) {
        const Step& step = last_[i % last_.size()];
        std::snprintf(line, sizeof line, "\n    CPU %u %-8s %-7s %14p %#llx  ", step.cpu,
                      step.what == 'l'   ? "load"
                      : step.what == 's' ? "store"
                      : step.what == 'x' ? "exchange"
                                         : "fence",
                      name_of(step.order), step.at, static_cast<unsigned long long>(step.value));
        text += line + describe(step.site);
    }
    report_failure(text);
}

} // namespace weak
