// SPDX-License-Identifier: BSD-2-Clause
// Time, interrupts, threads and the registers that a switch has to keep.
#include "ktest.h"

#include <drupe/arch/clock.h>
#include <drupe/arch/context.h>
#include <drupe/arch/fpu.h>
#include <drupe/arch/irq_state.h>
#include <drupe/base/relaxed.h>
#include <drupe/drivers/device.h>
#include <drupe/mm/frames.h>
#include <drupe/mm/heap.h>
#include <drupe/mm/kernel_space.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/time/clock.h>
#include <drupe/time/timer.h>

#include <cstring>

namespace drupe::ktest {
namespace {

constexpr Nanos millisecond{1'000'000};
Nanos after(std::int64_t milliseconds) { return {time::now().ns + milliseconds * millisecond.ns}; }

constinit Relaxed<std::uint64_t> fired_at{0};
void note_ticks(time::Timer&) { fired_at = arch::ticks(); }

// The runner lets time pass by instructions, so that the bound does not depend on the host's load.
KTEST(timer_fires_in_time) {
    for (int i = 1; i <= 5; i++) {
        fired_at = 0;
        time::Timer timer(note_ticks);
        const Nanos deadline = after(i);
        const std::uint64_t due = time::deadline_to_ticks(deadline);
        const std::uint64_t late = due + arch::ticks_per_second() / 100;
        timer.arm(deadline);
        while (fired_at == 0 && arch::ticks() < late) arch::cpu_relax();
        KCHECK(fired_at >= due);
        KCHECK(fired_at < late);
        KCHECK(!timer.is_armed());
    }
    return nullptr;
}

KTEST(cancelled_timer_stays_silent) {
    fired_at = 0;
    time::Timer timer(note_ticks);
    timer.arm(after(1));
    timer.cancel();
    KCHECK(sched::sleep_until(after(3)).error() == Errc::timed_out);
    KCHECK(fired_at == 0);
    return nullptr;
}

KTEST(masked_interrupts_wait) {
    fired_at = 0;
    time::Timer timer(note_ticks);
    const arch::IrqState before = arch::irq_save();
    const bool was_masked = !arch::irqs_enabled();
    timer.arm(after(1));
    const std::uint64_t until = time::deadline_to_ticks(after(3));
    while (arch::ticks() < until) arch::cpu_relax();
    const bool was_silent = fired_at == 0;
    arch::irq_restore(before);
    const std::uint64_t late = arch::ticks() + arch::ticks_per_second() / 100;
    while (fired_at == 0 && arch::ticks() < late) arch::cpu_relax();
    KCHECK(was_masked);
    KCHECK(was_silent);
    KCHECK(arch::irqs_enabled());
    KCHECK(fired_at != 0);
    return nullptr;
}

KTEST(sleep_wakes) {
    for (int i = 1; i <= 5; i++) {
        const Nanos deadline = after(i);
        KCHECK(sched::sleep_until(deadline).error() == Errc::timed_out);
        KCHECK(time::now() >= deadline);
        KCHECK(time::now() < Nanos{deadline.ns + 10 * millisecond.ns});
    }
    return nullptr;
}

struct PingPong {
    static constexpr int rounds = 1000;
    sched::WaitQueue queue;
    Relaxed<int> turn{0};
    Relaxed<int> ended{0};

    void play(int mine) {
        for (int i = mine; i < 2 * rounds; i += 2) {
            (void)queue.wait_until([&] { return turn == i; });
            turn = i + 1;
            queue.wake_all();
        }
        ended++;
        queue.wake_all();
    }
};

KTEST(two_threads_take_turns) {
    PingPong game;
    auto ping = sched::Thread::create(
        "ping", [](void* g) { static_cast<PingPong*>(g)->play(0); }, &game);
    auto pong = sched::Thread::create(
        "pong", [](void* g) { static_cast<PingPong*>(g)->play(1); }, &game);
    KCHECK(ping.ok() && pong.ok());
    ping.value()->start();
    pong.value()->start();
    const auto outcome = game.queue.wait_until([&] { return game.ended == 2; }, after(10'000));
    if (!outcome.ok()) panic("the game on this stack did not end");
    KCHECK(game.turn == 2 * PingPong::rounds);
    // The last to end still is inside wake_all() on our queue until it is dead.
    while (ping.value()->state() != sched::ThreadState::dead ||
           pong.value()->state() != sched::ThreadState::dead)
        (void)sched::sleep_until(after(1));
    return nullptr;
}

constinit Relaxed<unsigned> ran{0};

/// Which use scalable vectors, where the machine has them: the CPU takes a program's from it.
bool run_threads(unsigned count) {
    ran = 0;
    for (unsigned i = 0; i < count; i++) {
        auto thread = sched::Thread::create(
            "short",
            [](void*) {
                (void)arch::sve_enable();
                ran++;
            },
            nullptr);
        if (!thread.ok()) return false;
        arch::context_make_user(thread.value()->context(), 0);
        thread.value()->start();
    }
    const Nanos deadline = after(1000);
    while ((ran != count || sched::runnable_count() > 1) && time::now() < deadline)
        (void)sched::sleep_until(after(1));
    mm::heap_trim();
    return ran == count;
}

KTEST(fifty_threads_leave_nothing) {
    KCHECK(run_threads(50)); // fills what is kept for reuse: idle stacks, tables
    const mm::MemoryStats before = mm::memory_stats();
    for (int round = 0; round < 3; round++) {
        KCHECK(run_threads(50));
        KCHECK(mm::memory_stats().free.n == before.free.n);
        KCHECK(mm::memory_stats().slab.n == before.slab.n);
    }
    return nullptr;
}

// Sets x19-x28 to seed, seed + 1, …, switches, and counts those that came back changed.
extern "C" std::uint64_t ktest_switch(arch::Context* from, arch::Context* to, std::uint64_t seed);

struct Pair {
    arch::Context here, there;
    std::uint64_t changed_there;
};
constinit Pair pair{};

void other_side(void*) {
    for (;;) pair.changed_there += ktest_switch(&pair.there, &pair.here, 0xaaaa'5555'0000'0000);
}

KTEST(switch_keeps_registers) {
    auto stack = mm::alloc_kernel_stack();
    KCHECK(stack.ok());
    pair = {};
    arch::context_init(pair.there, stack.value(), other_side, nullptr);
    std::uint64_t changed = 0;
    const arch::IrqState before = arch::irq_save();
    for (std::uint64_t i = 0; i < 100; i++)
        changed += ktest_switch(&pair.here, &pair.there, 0x1111'0000'0000'0000 * (i % 15 + 1));
    arch::irq_restore(before);
    mm::free_kernel_stack(stack.value());
    KCHECK(changed == 0);
    KCHECK(pair.changed_there == 0);
    return nullptr;
}

constinit arch::FpuState mine{}, found{}, others{};

void other_program(void*) {
    for (;;) {
        arch::fpu_restore(others);
        arch::context_switch(pair.there, pair.here);
    }
}

KTEST(switch_keeps_a_programs_fp_registers) {
    auto stack = mm::alloc_kernel_stack();
    KCHECK(stack.ok());
    pair = {};
    arch::context_init(pair.there, stack.value(), other_program, nullptr);
    arch::context_make_user(pair.there, 1);
    arch::context_make_user(pair.here, 2);
    for (unsigned i = 0; i < 64; i++) {
        mine.q[i] = 0x0123'4567'89ab'0000 + i;
        others.q[i] = ~mine.q[i];
    }
    mine.fpcr = 1u << 24; // FPCR.FZ
    mine.fpsr = 1u << 27; // FPSR.QC
    const arch::IrqState before = arch::irq_save();
    arch::fpu_restore(mine);
    for (int i = 0; i < 10; i++) arch::context_switch(pair.here, pair.there);
    arch::fpu_save(found);
    arch::irq_restore(before);
    mm::free_kernel_stack(stack.value());
    KCHECK(std::memcmp(found.q, mine.q, sizeof mine.q) == 0);
    KCHECK(found.fpcr == mine.fpcr && found.fpsr == mine.fpsr);
    KCHECK(std::memcmp(pair.there.q, others.q, sizeof others.q) == 0);
    return nullptr;
}

KTEST(drivers_are_linked_in) {
    KCHECK(drivers::all_drivers().size() >= 7);
    for (const drivers::Driver* driver : drivers::all_drivers())
        KCHECK(!driver->name.empty() && !driver->models.empty() && (driver->probe || driver->scan));
    return nullptr;
}

} // namespace
} // namespace drupe::ktest
