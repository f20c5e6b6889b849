// SPDX-License-Identifier: BSD-2-Clause
#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/sched/futex.h>
#include <drupe/sched/pi_futex.h>
#include <drupe/sched/thread.h>

#include <atomic>

using namespace drupe;
using weak::kernel::Threads;

namespace {

VirtAddr address_of(std::atomic<std::uint32_t>& word) {
    return VirtAddr{reinterpret_cast<std::uintptr_t>(&word)};
}

weak::Scenario wake{"a futex wake-up is not lost", [](std::uint64_t seed) {
                        weak::kernel::play(seed, 2, [] {
                            std::atomic<std::uint32_t> word{0};
                            const sched::FutexKey key{&word, 0};
                            Threads threads;
                            threads.start(1, [&] {
                                while (word.load(std::memory_order_relaxed) == 0)
                                    (void)sched::futex_wait(key, {address_of(word), 0},
                                                            sched::futex_any, Nanos::never());
                            });
                            threads.start(0, [&] {
                                word.store(1, std::memory_order_relaxed);
                                sched::futex_wake(key, 1);
                            });
                        });
                    }};

weak::Scenario requeue{"a futex waiter that is moved is found", [](std::uint64_t seed) {
                           weak::kernel::play(seed, 2, [] {
                               std::atomic<std::uint32_t> from{0}, to{0};
                               const sched::FutexKey key{&from, 0}, other{&to, 4096};
                               Threads threads;
                               threads.start(1, [&] {
                                   while (from.load(std::memory_order_relaxed) == 0)
                                       (void)sched::futex_wait(key, {address_of(from), 0},
                                                               sched::futex_any, Nanos::never());
                               });
                               threads.start(0, [&] {
                                   (void)sched::futex_requeue(
                                       {.from = key, .to = other, .wake = 0, .move = 1});
                                   from.store(1, std::memory_order_relaxed);
                                   sched::futex_wake(key, 1);
                                   sched::futex_wake(other, 1);
                               });
                           });
                       }};

/// With a signal pending nobody sleeps, so no lock of the scheduler orders waker and waiter.
weak::Scenario interrupted{"a waiter that leaves is not touched any more", [](std::uint64_t seed) {
                               weak::kernel::play(seed, 2, [] {
                                   std::atomic<std::uint32_t> word{0};
                                   const sched::FutexKey key{&word, 0};
                                   weak::kernel::Gate gate{2};
                                   Threads threads;
                                   threads.start(1, [&] {
                                       sched::current().post_work(sched::work_signal);
                                       gate.pass();
                                       for (int i = 0; i < 4; ++i) // in the same place of the stack
                                           (void)sched::futex_wait(key, {address_of(word), 0},
                                                                   sched::futex_any,
                                                                   Nanos::never());
                                   });
                                   threads.start(0, [&] {
                                       gate.pass();
                                       for (int i = 0; i < 4; ++i) sched::futex_wake(key, 1);
                                   });
                               });
                           }};

weak::Scenario to_a_lock{
    "a waiter that is given a lock is not touched any more", [](std::uint64_t seed) {
        weak::kernel::play(seed, 2, [] {
            std::atomic<std::uint32_t> word{0}, lock{0};
            const sched::FutexKey key{&word, 0};
            const auto request = [&](std::uint32_t id) {
                return sched::PiRequest{{&lock, 4096}, address_of(lock), id, [](std::uint32_t) {
                                            return RefPtr<sched::Thread>();
                                        }};
            };
            weak::kernel::Gate gate{2};
            Threads threads;
            threads.start(1, [&] {
                sched::current().post_work(sched::work_signal);
                gate.pass();
                for (int i = 0; i < 4; ++i) {
                    (void)sched::futex_wait_for_lock(key, {address_of(word), 0}, request(1),
                                                     Nanos::never());
                    lock.store(0, std::memory_order_relaxed);
                }
            });
            threads.start(0, [&] {
                gate.pass();
                for (int i = 0; i < 4; ++i)
                    (void)sched::futex_requeue_to_lock(key, {address_of(word), 0}, request(2), 1);
            });
        });
    }};

} // namespace
