// SPDX-License-Identifier: BSD-2-Clause
// Locks whose owner inherits priorities: results beside the build machine's, the inheritance itself
// on the simulated one.
#include "both_sides.h"

#include <drupe/process/user_thread.h>
#include <drupe/sched/pi_futex.h>

#include <linux/futex.h>

using namespace drupe;
using sim::check_both;
using sim::Side;

namespace {

constexpr int lock_pi = FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG;
constexpr int try_pi = FUTEX_TRYLOCK_PI | FUTEX_PRIVATE_FLAG;
constexpr int unlock_pi = FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG;

std::int64_t futex(Side& s, std::uint32_t* word, int operation, timespec* until = nullptr) {
    return s.call(SYS_futex, syscall::futex, word, operation, 0, until, nullptr, 0);
}
std::uint32_t tid(Side& s) { return static_cast<std::uint32_t>(DRUPE_CALL(s, gettid)); }
timespec soon(Side& s) {
    timespec t{};
    DRUPE_CALL(s, clock_gettime, CLOCK_REALTIME, &t);
    t.tv_nsec += 30'000'000;
    if (t.tv_nsec >= 1'000'000'000) {
        t.tv_sec++;
        t.tv_nsec -= 1'000'000'000;
    }
    return t;
}

} // namespace

TEST_CASE("locks that inherit priorities give and refuse as on Linux") {
    check_both([](Side& s) {
        static std::uint32_t word;
        word = 0;
        s.note("lock", futex(s, &word, lock_pi));
        s.note("own", word == tid(s));
        s.note("again", futex(s, &word, lock_pi));
        s.note("try", futex(s, &word, try_pi));
        s.note("unlock", futex(s, &word, unlock_pi));
        s.note("word", word);
        s.note("unlock", futex(s, &word, unlock_pi));
        s.note("try", futex(s, &word, try_pi));
        s.note("unlock", futex(s, &word, unlock_pi));
        word = 0x3fff'fff0; // nobody
        s.note("lock", futex(s, &word, lock_pi));
        s.note("try", futex(s, &word, try_pi));
        word = FUTEX_OWNER_DIED;
        s.note("lock", futex(s, &word, lock_pi));
        s.note("died", word == (tid(s) | FUTEX_OWNER_DIED));
        s.note("unlock", futex(s, &word, unlock_pi));
        s.note("misaligned",
               futex(s, reinterpret_cast<std::uint32_t*>(reinterpret_cast<char*>(&word) + 1),
                     lock_pi));
        // Another owns it for a while.
        word = 0;
        static std::atomic<int> holds;
        holds = 0;
        s.start([](Side& other) {
            futex(other, &word, lock_pi);
            holds = 1;
            other.sleep(100);
            futex(other, &word, unlock_pi);
        });
        while (holds == 0) s.sleep(1);
        s.note("try", futex(s, &word, try_pi));
        s.note("unlock", futex(s, &word, unlock_pi));
        timespec until = soon(s);
        s.note("until", futex(s, &word, lock_pi, &until));
        s.note("lock", futex(s, &word, lock_pi));
        s.note("own", (word & FUTEX_TID_MASK) == tid(s));
        s.note("unlock", futex(s, &word, unlock_pi));
        s.note("word", word);
        s.join();
    });
}

TEST_CASE("a ring of waits is refused, and a dead owner's lock passes on, as on Linux") {
    check_both([](Side& s) {
        static std::uint32_t a, b;
        static std::atomic<int> step;
        a = b = 0;
        step = 0;
        futex(s, &a, lock_pi);
        s.start([](Side& other) {
            futex(other, &b, lock_pi);
            step = 1;
            futex(other, &a, lock_pi); // waits
            futex(other, &a, unlock_pi);
            futex(other, &b, unlock_pi);
        });
        while (step == 0) s.sleep(1);
        s.sleep(30);
        s.note("ring", futex(s, &b, lock_pi));
        s.note("unlock", futex(s, &a, unlock_pi));
        s.note("then", futex(s, &b, lock_pi));
        s.note("unlock", futex(s, &b, unlock_pi));
        s.join();
        // An owner that ends, on its robust list.
        static struct {
            void* next;
            std::uint32_t word;
        } lock;
        static struct {
            void* next;
            long offset;
            void* pending;
        } head;
        lock = {};
        head = {};
        step = 0;
        s.start([](Side& other) {
            head = {reinterpret_cast<char*>(&lock) + 1, 8, nullptr};
            lock.next = &head;
            DRUPE_CALL(other, set_robust_list, &head, 24);
            futex(other, &lock.word, lock_pi);
            step = 1;
            other.sleep(50);
        });
        while (step == 0) s.sleep(1);
        s.note("lock", futex(s, &lock.word, lock_pi));
        s.note("died", (lock.word & ~FUTEX_WAITERS) == (tid(s) | FUTEX_OWNER_DIED));
        s.note("unlock", futex(s, &lock.word, unlock_pi));
        s.join();
    });
}

TEST_CASE("an owner runs with the priority of those who wait, through a chain, and gives it back") {
    sim::run_here([](Side& s) {
        static std::uint32_t a, b;
        a = b = 0;
        sched::Thread& self = sched::current();
        static sched::Thread* middle;
        middle = nullptr;
        REQUIRE(futex(s, &a, lock_pi) == 0);
        s.start([](Side& other) {
            middle = &sched::current();
            CHECK(futex(other, &b, lock_pi) == 0);
            CHECK(futex(other, &a, lock_pi) == 0);
            CHECK(futex(other, &a, unlock_pi) == 0);
            CHECK(sched::current().realtime_priority() == 40); // still has b
            CHECK(futex(other, &b, unlock_pi) == 0);
            CHECK(!sched::current().is_realtime());
        });
        s.sleep(1);
        CHECK(!self.is_realtime());
        for (int priority : {10, 40, 20})
            s.start([priority](Side& other) {
                sched::set_own_parameters(sched::current(), {sched::Policy::fifo, priority, 0});
                timespec never{INT32_MAX, 0};
                CHECK(futex(other, &b, lock_pi, priority == 40 ? nullptr : &never) == 0);
                CHECK(futex(other, &b, unlock_pi) == 0);
            });
        s.sleep(1);
        REQUIRE(middle != nullptr);
        CHECK(middle->realtime_priority() == 40);
        CHECK(self.realtime_priority() == 40);
        CHECK(self.is_realtime());
        CHECK(sched::own_parameters(self).policy == sched::Policy::other);
        // What it is given meanwhile waits.
        sched::set_own_parameters(self, {sched::Policy::fifo, 5, 0});
        CHECK(self.realtime_priority() == 40);
        REQUIRE(futex(s, &a, unlock_pi) == 0);
        CHECK(self.realtime_priority() == 5);
        s.join();
        CHECK(a == 0);
        CHECK(b == 0);
    });
}
