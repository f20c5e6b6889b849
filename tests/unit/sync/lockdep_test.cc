// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/sync/lockdep.h>
#include <drupe/sync/spin_lock.h>

using namespace drupe;
using Catch::Matchers::Contains;

TEST_CASE("locks are taken from higher ranks to lower ones") {
    SpinLock<LockRank::device> device;
    SpinLock<LockRank::heap> heap;
    SpinLock<LockRank::console> console;
    SpinGuard a{device};
    SpinGuard b{heap};
    CHECK(lockdep::held_count() == 2);
    {
        IrqGuard c{console};
        CHECK(lockdep::held_count() == 3);
    }
    CHECK(lockdep::held_count() == 2);
}

TEST_CASE("a lock of a higher rank than one held is reported with both names") {
    SpinLock<LockRank::heap> heap;
    SpinLock<LockRank::inode> inode;
    SpinGuard a{heap};
    CHECK_THROWS_WITH(inode.lock(), Contains("inode") && Contains("heap"));
    CHECK(lockdep::held_count() == 1);
}

TEST_CASE("two locks of one rank are reported, and one lock taken twice") {
    SpinLock<LockRank::inode> one, two;
    SpinGuard a{one};
    CHECK_THROWS_WITH(two.lock(), Contains("inode"));
    CHECK_THROWS_WITH(one.lock(), Contains("taking again"));
}

TEST_CASE("locks may be released in any order") {
    SpinLock<LockRank::device> device;
    SpinLock<LockRank::heap> heap;
    SpinLock<LockRank::console> console;
    device.lock();
    heap.lock();
    device.unlock();
    CHECK(lockdep::held_count() == 1);
    console.lock();
    heap.unlock();
    console.unlock();
    CHECK(lockdep::held_count() == 0);
}

TEST_CASE("releasing what is not held is reported") {
    SpinLock<LockRank::heap> heap;
    CHECK_THROWS_WITH(heap.unlock(), Contains("heap"));
}

TEST_CASE("a lock that try_lock did not get is not held") {
    SpinLock<LockRank::heap> heap;
    CHECK(heap.try_lock());
    CHECK_FALSE(heap.try_lock());
    CHECK(lockdep::held_count() == 1);
    heap.unlock();
    CHECK(lockdep::held_count() == 0);
}

TEST_CASE("about to sleep with a lock held is reported") {
    SpinLock<LockRank::pipe> pipe;
    CHECK_NOTHROW(lockdep::assert_none_held("sleeping"));
    SpinGuard a{pipe};
    CHECK_THROWS_WITH(lockdep::assert_none_held("sleeping"),
                      Contains("sleeping") && Contains("pipe"));
}

TEST_CASE("an IrqGuard masks interrupts and restores what was before") {
    SpinLock<LockRank::heap> heap;
    SpinLock<LockRank::console> console;
    REQUIRE(arch::irqs_enabled());
    {
        IrqGuard a{heap};
        CHECK_FALSE(arch::irqs_enabled());
        { IrqGuard b{console}; }
        CHECK_FALSE(arch::irqs_enabled());
    }
    CHECK(arch::irqs_enabled());
}
