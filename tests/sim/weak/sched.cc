// SPDX-License-Identifier: BSD-2-Clause
// What the scheduler's CPUs tell each other.
#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/arch/cpu.h>
#include <drupe/sched/cpu.h>
#include <drupe/sched/mutex.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>

#include <atomic>

using namespace drupe;
using weak::kernel::any_cpu;
using weak::kernel::Threads;

namespace {

weak::Scenario arrives{"a CPU that is counted can be used",
                       [](std::uint64_t seed) {
                           weak::kernel::play(seed, 2, [] {
                               Threads threads;
                               threads.start(1, [] {
                                   while (sched::cpu_count() != 3) arch::cpu_relax();
                                   WEAK_CHECK(sched::cpu(2).index == 2);
                                   (void)sched::runnable_count();
                               });
                               weak::kernel::bring_up();
                           });
                       },
                       weak::Scenario::Process::one_seed};

weak::Scenario signal_ends_sleep{
    "work that is posted ends a sleep", [](std::uint64_t seed) {
        weak::kernel::play(seed, 2, [] {
            std::atomic<sched::Thread*> sleeper{nullptr};
            weak::kernel::Gate gate{2};
            Threads threads;
            threads.start(1, [&] {
                sched::current().retain(); // the other thread's
                sleeper.store(&sched::current(), std::memory_order_relaxed);
                gate.pass();
                WEAK_CHECK(sched::sleep_until(Nanos::never()).error() == Errc::restart);
            });
            threads.start(0, [&] {
                gate.pass();
                while (!sleeper.load(std::memory_order_relaxed)) arch::cpu_relax();
                const auto thread =
                    RefPtr<sched::Thread>::adopt(sleeper.load(std::memory_order_relaxed));
                thread->post_work(sched::work_signal);
            });
        });
    }};

weak::Scenario stealing{
    "a thread does not wait beside an idle CPU", [](std::uint64_t seed) {
        weak::kernel::play(seed, 2, [] {
            std::atomic<bool> has_run{false};
            weak::kernel::Gate gate{2};
            Threads threads;
            threads.start(1, [&] { gate.pass(); });
            gate.pass();
            threads.start(any_cpu, [&] { has_run.store(true, std::memory_order_relaxed); });
            // The kernel is not preempted: this CPU is lost to the thread until it has run
            // elsewhere.
            while (!has_run.load(std::memory_order_relaxed)) arch::cpu_relax();
        });
    }};

/// Dekker's pattern with a barrier on one side only: the last CPU has none but by being
/// interrupted. With a third one, the interrupt that it answers may have been that one's.
void one_sided_barrier(std::uint64_t seed, unsigned cpus) {
    weak::kernel::play(seed, cpus, [cpus] {
        constexpr unsigned rounds = 12;
        const unsigned last = 1; // the first that synchronize_cpus() asks
        std::atomic<int> x{0}, y[rounds] = {};
        int saw_x[rounds] = {}, saw_y[rounds] = {};
        {
            weak::kernel::Gate begin{cpus}, end{2};
            Threads threads;
            if (cpus == 3)
                threads.start(2, [&] {
                    begin.pass();
                    for (int i = 0; i < 6; ++i) weak::kernel::interrupt(last);
                });
            threads.start(last, [&] {
                begin.pass();
                for (unsigned i = 0; i < rounds; ++i) {
                    y[i].store(1, std::memory_order_relaxed);
                    saw_x[i] = x.load(std::memory_order_relaxed);
                }
                end.pass(); // its end would tell the other
            });
            threads.start(0, [&] {
                begin.pass();
                if (cpus == 2) weak::kernel::interrupt(last);
                for (unsigned i = 0; i < rounds; ++i) // older interrupts come and go
                    (void)x.load(std::memory_order_relaxed);
                x.store(1, std::memory_order_relaxed);
                sched::synchronize_cpus();
                for (unsigned i = 0; i < rounds; ++i)
                    saw_y[i] = y[i].load(std::memory_order_relaxed);
                end.pass();
            });
        }
        for (unsigned i = 0; i < rounds; ++i) WEAK_CHECK(saw_x[i] + saw_y[i] != 0);
    });
}
weak::Scenario barrier{"an interrupted CPU has passed a barrier",
                       [](std::uint64_t seed) { one_sided_barrier(seed, 2); }};
weak::Scenario old_interrupt{"a CPU that answers an older interrupt has passed a barrier",
                             [](std::uint64_t seed) { one_sided_barrier(seed, 3); }};

weak::Scenario address_space{
    "no CPU keeps an address space that is forgotten", [](std::uint64_t seed) {
        weak::kernel::play(seed, 2, [] {
            int storage = 0;
            auto& space = reinterpret_cast<mm::AddressSpace&>(storage); // never looked into
            Threads threads;
            sched::Completion used;
            threads.start(1, [&] {
                sched::current().address_space = &space;
                {
                    IrqGuard guard{sched::cpu(1).queue.lock};
                    sched::cpu(1).address_space = &space; // as a switch to this thread does
                }
                sched::current().address_space = nullptr;
                used.complete();
            });
            (void)used.wait();
            sched::forget_address_space(space);
            IrqGuard guard{sched::cpu(1).queue.lock};
            WEAK_CHECK(sched::cpu(1).address_space == nullptr);
        });
    }};

weak::Scenario rw_lock{"a reader-writer lock orders what it guards", [](std::uint64_t seed) {
                           weak::kernel::play(seed, 2, [] {
                               sched::RwLock lock;
                               int value = 0, sum = 0;
                               {
                                   Threads threads;
                                   threads.start(0, [&] {
                                       sched::SharedGuard guard{lock};
                                       sum = value;
                                   });
                                   for (unsigned i = 0; i < 2; ++i)
                                       threads.start(1 - i, [&] {
                                           sched::ExclusiveGuard guard{lock};
                                           ++value;
                                       });
                               }
                               WEAK_CHECK(value == 2 && sum <= 2);
                           });
                       }};

} // namespace
