// SPDX-License-Identifier: BSD-2-Clause
// A machine to test blocking code on: the real scheduler over arch/host. The test's own stack is
// the idle thread; threads it spawns run on stacks of their own; time passes only in user() and
// kernel() and while everybody waits. What happens when is chosen by the seed, so a failing seed
// fails again. After every step the scheduler's invariants are checked.
// With several CPUs (cpus.cc), which of them goes on is chosen wherever the kernel masks interrupts
// or spins, and the invariants are checked whenever all of them compute or wait.
#pragma once

#include <sim/flows.h>

#include <drupe/base/units.h>
#include <drupe/sched/thread.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

namespace drupe::sched {
struct Cpu;
}

namespace sim {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
    std::uint64_t next();
    /// 0 .. limit-1.
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

private:
    std::uint64_t state_;
};

struct Options {
    std::uint64_t seed = 0;
    std::size_t cpus = 1;
    std::size_t late_cpus = 0; // of them, more than the first one: they arrive by bring_up()
    /// Of so many places where another CPU may go on, one is used.
    std::uint64_t pause_rate = 4;
    bool check = true; // invariants after every step
    /// Most service a thread may be owed or have had too much of. The theorem says one slice; a
    /// decision may come late. It holds while nobody yields or changes weight.
    drupe::Nanos lag_bound = drupe::sched::RunQueue::slice + drupe::Nanos{200'000};
};

class Machine {
public:
    explicit Machine(Options options = {});
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    static Machine& instance();

    /// A kernel thread that runs `body`, runnable at once. An exception that leaves `body` ends the
    /// thread and is thrown again by run().
    drupe::RefPtr<drupe::sched::Thread> spawn(std::string name, std::function<void()> body);
    /// Calls `handler` in interrupt context at `when` on the monotonic clock.
    void interrupt_at(drupe::Nanos when, std::function<void()> handler);

    /// Runs until no thread is runnable and nothing is due in the future, or until `limit`. True
    /// when every thread has ended.
    bool run(drupe::Nanos limit = drupe::Nanos::never());
    /// The threads that have not ended, by name.
    std::vector<std::string> unfinished() const;

    /// Called by a thread: its program computes for this long. Interrupts are taken on the way and
    /// the CPU may be lost.
    void user(drupe::Nanos duration);
    /// Called by a thread: the kernel computes on its behalf. Interrupts are taken (when not
    /// masked), the CPU is kept.
    void kernel(drupe::Nanos duration);
    /// Called by a thread: leaves the kernel for the program.
    void return_to_user();

    /// One more CPU, where there are several; it arrives when its turn comes. Called by a thread.
    void bring_up();

    Random& random() { return random_; }
    std::uint64_t steps() const { return steps_; }
    /// The invariant that does not hold, or an empty string.
    std::string check() const;
    std::string check_cpus() const;
    static std::string check_handed(const drupe::sched::Cpu& cpu);
    /// The largest lag seen, in nanoseconds of service.
    std::int64_t largest_lag() const { return largest_lag_; }

private:
    struct SimThread {
        drupe::RefPtr<drupe::sched::Thread> thread;
        std::function<void()> body;
        std::string name;
        bool ended = false;
    };
    static void main_of(void* sim_thread);
    static void on_interrupt();
    void step();
    bool let_time_pass(drupe::Nanos limit);
    std::uint64_t next_event() const;
    void pass(drupe::Nanos duration, bool in_user);

    // Several CPUs.
    enum class Doing : std::uint8_t { runs, computes, waits };
    struct CpuState {
        Doing doing = Doing::runs;
        bool spins = false; // since it was last chosen
        bool kicked = false;
        std::uint64_t until = 0;      // computes
        std::uint64_t idle_since = 0; // beside work that it might do
    };
    void start_cpus();
    bool run_cpus(drupe::Nanos limit);
    void pass_on_cpu(drupe::Nanos duration, bool in_user);
    void stand(Doing doing, std::uint64_t until = 0);
    void go_on();
    bool can_go_on(std::size_t cpu) const;
    bool advance_clock(bool all_rest);
    std::string check_idle();
    static void pause(bool spins);

    Options options_;
    Random random_;
    std::list<SimThread> threads_;
    std::multimap<std::uint64_t, std::function<void()>> events_; // by tick
    std::exception_ptr failure_;
    std::uint64_t steps_ = 0;
    mutable std::int64_t largest_lag_ = 0;
    Flows flows_;
    std::vector<CpuState> cpus_;
    std::uint64_t end_ = UINT64_MAX; // run_cpus() stops here
    bool is_over_ = false;           // nothing is left to do for any CPU
    std::uint64_t spins_ = 0;        // in a row, while nothing else could go on
};

} // namespace sim
