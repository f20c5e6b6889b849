// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/sync/lock_statistics.h>
#include <drupe/sync/spin_lock.h>

#include <string>

using namespace drupe;

TEST_CASE("locks count who takes them, and who waits") {
    const auto before = lock_statistics::of(LockRank::device);
    SpinLock<LockRank::device> lock;
    for (int i = 0; i < 5; ++i) SpinGuard guard{lock};
    CHECK(lock.try_lock());
    CHECK_FALSE(lock.try_lock()); // not taken
    lock.unlock();
    const auto quiet = lock_statistics::of(LockRank::device);
    CHECK(quiet.taken == before.taken + 6);
    CHECK(quiet.waited == before.waited);

    const auto pipes = lock_statistics::of(LockRank::pipe);
    lock_statistics::count(LockRank::pipe, 7);
    lock_statistics::count(LockRank::pipe, 0);
    static std::string report;
    report.clear();
    lock_statistics::report([](std::string_view line) { report += line; });
    CHECK(lock_statistics::of(LockRank::pipe).waited == pipes.waited + 1);
    CHECK(lock_statistics::of(LockRank::pipe).rounds == pipes.rounds + 7);
    CHECK(report.find("lock pipe: taken " + std::to_string(pipes.taken + 2) + ", waited for ") ==
          0);
    CHECK(report.find("lock device: taken") != std::string::npos);
}
