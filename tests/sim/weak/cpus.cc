// SPDX-License-Identifier: BSD-2-Clause
// CPUs that arrive while others wait for them.
#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/sched/cpu.h>
#include <drupe/sched/thread.h>

using namespace drupe;

namespace {

weak::Scenario awaited{"whoever waits for a CPU learns of its arrival",
                       [](std::uint64_t seed) {
                           weak::kernel::play(seed, 2, [] {
                               sched::expect_cpus(3);
                               weak::kernel::Threads threads;
                               threads.start(1, [] {
                                   sched::CpuMask last{};
                                   last.add(2);
                                   WEAK_CHECK(sched::wait_for_cpu(last).ok());
                                   WEAK_CHECK(sched::cpu(2).index == 2);
                               });
                               weak::kernel::bring_up();
                           });
                       },
                       weak::Scenario::Process::one_seed};

} // namespace
