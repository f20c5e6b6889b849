// SPDX-License-Identifier: BSD-2-Clause
// What users have in use, counted by several CPUs at once.
#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/process/user_usage.h>

using namespace drupe;
using process::PerUser;

namespace {

/// Two users whose records share a bucket, first asked for by all CPUs at once.
weak::Scenario counted{
    "a user's count is one, whoever counts first", [](std::uint64_t seed) {
        weak::kernel::play(seed, 3, [seed] {
            constexpr std::uint64_t limit = 5;
            const auto first = static_cast<std::uint32_t>(seed % 64 + seed / 64 * 128);
            int taken[3] = {};
            {
                weak::kernel::Gate gate{3};
                weak::kernel::Threads threads;
                for (unsigned cpu = 0; cpu < 3; ++cpu)
                    threads.start(cpu, [&, cpu] {
                        gate.pass();
                        (void)process::used_by(first, PerUser::pending_signals);
                        WEAK_CHECK(
                            process::use_more(first + 64, PerUser::pending_signals, 1, UINT64_MAX));
                        for (int n = 0; n < 3; ++n)
                            taken[cpu] +=
                                process::use_more(first, PerUser::pending_signals, 1, limit);
                        process::use_less(first + 64, PerUser::pending_signals, 1);
                    });
            }
            WEAK_CHECK(taken[0] + taken[1] + taken[2] == limit);
            WEAK_CHECK(process::used_by(first, PerUser::pending_signals) == limit);
            WEAK_CHECK(process::used_by(first + 64, PerUser::pending_signals) == 0);
            process::use_less(first, PerUser::pending_signals, limit);
        });
    }};

} // namespace
