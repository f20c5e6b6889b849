// SPDX-License-Identifier: BSD-2-Clause
#include <weak/machine.h>
#include <weak/runner.h>

#include <drupe/sync/spin_lock.h>

using namespace drupe;

namespace {

weak::Scenario spin_lock{"a spin lock orders what it guards", [](std::uint64_t seed) {
                             SpinLock<LockRank::device> lock;
                             int value = 0;
                             const auto add = [&] {
                                 SpinGuard guard{lock};
                                 ++value;
                             };
                             weak::Machine::instance().run(seed, {add, add, add});
                             WEAK_CHECK(value == 3);
                         }};

weak::Scenario try_lock{"a spin lock that is tried orders what it guards", [](std::uint64_t seed) {
                            SpinLock<LockRank::device> lock;
                            int value = 0, taken[3] = {};
                            const auto add = [&](int cpu, bool nested) {
                                if (!(nested ? lock.try_lock_nested() : lock.try_lock())) return;
                                ++value;
                                lock.unlock();
                                taken[cpu] = 1;
                            };
                            weak::Machine::instance().run(seed, {[&] { add(0, false); },
                                                                 [&] { add(1, true); },
                                                                 [&] { add(2, true); }});
                            WEAK_CHECK(value == taken[0] + taken[1] + taken[2]);
                        }};

weak::Scenario is_held{"who sees a spin lock free sees what its holder did",
                       [](std::uint64_t seed) {
                           SpinLock<LockRank::device> lock;
                           lock.lock();
                           int value = 0;
                           weak::Machine::instance().run(seed, {[&] {
                                                                    value = 1;
                                                                    lock.unlock();
                                                                },
                                                                [&] {
                                                                    while (lock.is_held()) {}
                                                                    WEAK_CHECK(value == 1);
                                                                }});
                       }};

} // namespace
