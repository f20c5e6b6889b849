// SPDX-License-Identifier: BSD-2-Clause
// Threads that wait for each other on several CPUs.
#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/sched/mutex.h>
#include <drupe/sched/thread.h>
#include <drupe/sched/wait_queue.h>

#include <atomic>

using namespace drupe;
using sched::Interruptible;
using weak::kernel::Threads;

namespace {

void on_two(std::uint64_t seed, const std::function<void()>& main) {
    weak::kernel::play(seed, 2, main);
}

weak::Scenario wakes{
    "a wake-up is not lost", [](std::uint64_t seed) {
        on_two(seed, [] {
            sched::WaitQueue queue;
            std::atomic<int> turn{0};
            Threads threads;
            for (int self = 0; self < 2; ++self)
                threads.start(static_cast<unsigned>(self), [&, self] {
                    for (int round = 0; round < 2; ++round) {
                        (void)queue.wait_until(
                            [&] { return turn.load(std::memory_order_relaxed) % 2 == self; },
                            Nanos::never(), Interruptible::no);
                        turn.fetch_add(1, std::memory_order_relaxed);
                        queue.wake_one();
                    }
                });
        });
    }};

weak::Scenario guards{"a mutex orders what it guards", [](std::uint64_t seed) {
                          on_two(seed, [] {
                              sched::Mutex mutex;
                              int value = 0;
                              {
                                  Threads threads;
                                  for (unsigned i = 0; i < 3; ++i)
                                      threads.start(i % 2, [&] {
                                          sched::MutexGuard guard{mutex};
                                          ++value;
                                      });
                              }
                              WEAK_CHECK(value == 3);
                          });
                      }};

weak::Scenario completes{"who sees a completion done sees what came before",
                         [](std::uint64_t seed) {
                             on_two(seed, [] {
                                 sched::Completion done;
                                 int value = 0;
                                 Threads threads;
                                 threads.start(1, [&] {
                                     value = 1;
                                     done.complete();
                                 });
                                 threads.start(0, [&] {
                                     (void)done.wait();
                                     WEAK_CHECK(value == 1);
                                 });
                             });
                         }};

} // namespace
