// SPDX-License-Identifier: BSD-2-Clause
// Scenarios, and what is done with them: each runs over many seeds in a child process, which ends
// at the first thing that is wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weak {

/// A few CPUs that share something. Registers itself. `body` plays one seed on Machine::instance()
/// and calls check() for what must hold.
struct Scenario {
    /// What the child does between seeds: nothing, or the body may be played once in a process (it
    /// changes what cannot be taken back, as bringing CPUs up does).
    enum class Process : std::uint8_t { many_seeds, one_seed };
    Scenario(const char* what, void (*play)(std::uint64_t seed), Process how = Process::many_seeds);
    const char* name;
    void (*body)(std::uint64_t seed);
    Process process;
};
const std::vector<const Scenario*>& scenarios();

/// Ends this process: the parent learns `what`.
[[noreturn]] void report_failure(const std::string& what);

#define WEAK_CHECK(condition) ::weak::check(condition, #condition, __FILE__, __LINE__)
void check(bool holds, const char* what, const char* file, int line);

struct Seeds {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};
/// Plays the scenario in a child after `prepare`. Empty: nothing was wrong. A child that crashes
/// has failed too.
std::string play(const Scenario& scenario, Seeds seeds, const std::function<void()>& prepare = {});

} // namespace weak
