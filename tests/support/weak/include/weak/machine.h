// SPDX-License-Identifier: BSD-2-Clause
// Several CPUs that are played one at a time. Which one goes on is chosen by the seed before every
// atomic operation; so is what a load returns (memory.h). Code compiled for it (the machine `weak`
// of the build) calls in through the compiler's instrumentation (instrumentation.cc). All CPUs live
// in one process, which ends when something is wrong: tests run it in a child (runner.h).
#pragma once

#include <weak/memory.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ucontext.h>

namespace weak {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
    std::uint64_t next();
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

private:
    std::uint64_t state_;
};

/// One atomic operation, for the report.
struct Step {
    unsigned cpu;
    char what; // load, store, exchange, fence
    int order;
    const void* at;
    std::uint64_t value;
    const void* site;
};

class Machine {
public:
    /// The one machine of this process.
    static Machine& instance();

    /// Plays `cpus` until each has returned, or all wait and hooks.all_wait() says `finished`. What
    /// was written before is known to all.
    void run(std::uint64_t seed, const std::vector<std::function<void()>>& cpus);
    /// Goes on with the CPUs of a run that finished so: one of them may go on now.
    void resume(std::uint64_t seed);

    /// Something is wrong: prints it with the last steps, and ends the process.
    [[noreturn]] void fail(const std::string& what);

    bool is_playing() const { return playing_; }
    unsigned cpu() const { return cpu_; }
    Memory& memory() { return memory_; }
    Random& random() { return random_; }

    /// A place where another CPU may go on, and where interrupts are taken.
    void point();
    void record(const Step& step);
    /// This CPU has nothing to do until `may_go_on` says otherwise (asked for each that waits,
    /// with its number).
    void wait();
    enum class AllWait : std::uint8_t { somebody_may_go_on, finished, deadlock };
    /// What other code plays on this machine: simulated interrupts (kernel.h).
    struct Hooks {
        bool (*may_go_on)(unsigned cpu) = nullptr;
        void (*interrupt)() = nullptr; // at every point
        AllWait (*all_wait)() = nullptr;
        void (*now_runs)(unsigned) = nullptr;
    };
    Hooks hooks;
    /// How likely what is, this time: one in so many.
    unsigned switch_rate() const { return switch_rate_; }
    unsigned stale_rate() const { return stale_rate_; }

    static constexpr unsigned step_limit = 30'000;

private:
    enum class State : std::uint8_t { ready, waiting, done };
    struct Cpu {
        ucontext_t context = {};
        const std::function<void()>* main = nullptr;
        State state = State::done;
        std::vector<char> stack;
    };
    static void begin();
    void set_seed(std::uint64_t seed);
    void enter();
    void leave();
    void start(unsigned index, const std::function<void()>& main);
    void go_on_with(unsigned next);
    /// The next CPU's number, or cpus_ when all are done.
    unsigned choose();

    std::array<Cpu, max_cpus> cpus_;
    unsigned count_ = 0;
    unsigned cpu_ = 0;
    bool playing_ = false;
    ucontext_t outside_ = {};
    Memory memory_;
    Random random_{0};
    std::uint64_t seed_ = 0;
    unsigned steps_ = 0;
    unsigned alone_ = 0; // steps since the last switch
    unsigned switch_rate_ = 2, stale_rate_ = 2;
    std::array<Step, 160> last_;
};

} // namespace weak
