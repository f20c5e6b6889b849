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

namespace {

constexpr int wait_for_lock = FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG;
constexpr int move_to_lock = FUTEX_CMP_REQUEUE_PI | FUTEX_PRIVATE_FLAG;

struct Pair {
    std::uint32_t condition, lock;
    std::atomic<int> waiting, done;
    std::atomic<std::int64_t> waiter; // the last one's thread
};
Pair pair;

std::int64_t await(Side& s, std::uint32_t value = 0, timespec* until = nullptr) {
    return s.call(SYS_futex, syscall::futex, &pair.condition, wait_for_lock, value, until,
                  &pair.lock, 0);
}
std::int64_t move(Side& s, long most, std::uint32_t value = 0, int wake = 1,
                  std::uint32_t* lock = &pair.lock) {
    return s.call(SYS_futex, syscall::futex, &pair.condition, move_to_lock, wake, most, lock,
                  value);
}
std::int64_t on_condition(Side& s, int operation, long second_count = 0) {
    return s.call(SYS_futex, syscall::futex, &pair.condition, operation | FUTEX_PRIVATE_FLAG, 1,
                  second_count, &pair.lock, 0);
}
void begin() {
    pair.condition = pair.lock = 0;
    pair.waiting = pair.done = 0;
}
void announce(Side& s) {
    pair.waiter = DRUPE_CALL(s, gettid);
    pair.waiting++;
}
/// Until `count` threads have announced themselves, and the last one sleeps.
void await_waiters(Side& s, int count) {
    while (pair.waiting < count) s.sleep(1);
    s.await_sleep(pair.waiter);
}
/// Another thread that waits; what it saw lands in `seen`.
void start_waiter(Side& s, std::int64_t& seen, bool notes_word = false) {
    const int before = pair.waiting;
    s.start([&seen, notes_word](Side& other) {
        announce(other);
        seen = await(other);
        if (notes_word) seen = seen * 10 + ((pair.lock & FUTEX_TID_MASK) == tid(other));
        if (seen >= 0) futex(other, &pair.lock, unlock_pi);
        pair.done++;
    });
    await_waiters(s, before + 1);
}

} // namespace

TEST_CASE("waits that move to a lock are refused as on Linux") {
    check_both([](Side& s) {
        begin();
        s.note("value", await(s, 1));
        timespec past{1, 0}, wrong{1, 2'000'000'000};
        s.note("past", await(s, 0, &past));
        s.note("wrong", await(s, 0, &wrong));
        s.note("same word", s.call(SYS_futex, syscall::futex, &pair.lock, wait_for_lock, 0, nullptr,
                                   &pair.lock, 0));
        s.note("wall clock", s.call(SYS_futex, syscall::futex, &pair.condition,
                                    wait_for_lock | FUTEX_CLOCK_REALTIME, 0, &past, &pair.lock, 0));
        s.note("nobody", move(s, 1));
        s.note("word", pair.lock);
        s.note("value", move(s, 1, 1));
        s.note("wake none", move(s, 1, 0, 0));
        s.note("wake two", move(s, 1, 0, 2));
        s.note("negative", move(s, -1));
        s.note("same word", move(s, 1, 0, 1, &pair.condition));
        s.note("no lock", move(s, 1, 0, 1, nullptr));
        s.note("clock", on_condition(s, FUTEX_CMP_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 1));

        std::int64_t seen = -1;
        start_waiter(s, seen);
        s.note("wake", on_condition(s, FUTEX_WAKE));
        s.note("requeue", on_condition(s, FUTEX_REQUEUE, 1));
        s.note("cmp_requeue", on_condition(s, FUTEX_CMP_REQUEUE, 1));
        std::uint32_t other = 0;
        s.note("another lock", move(s, 1, 0, 1, &other));
        pair.lock = 0x3fff'fff0; // nobody's
        s.note("no owner", move(s, 1));
        pair.lock = 0;
        s.note("at last", move(s, 0));
        s.join();
        s.note("seen", seen);
        s.note("word", pair.lock);
        // One that waits otherwise.
        s.start([](Side& plain) {
            announce(plain);
            futex(plain, &pair.condition, FUTEX_WAIT | FUTEX_PRIVATE_FLAG);
        });
        await_waiters(s, 2);
        s.note("plain", move(s, 1));
        s.note("wake", on_condition(s, FUTEX_WAKE));
    });
}

TEST_CASE("waiters move to a free lock, to a held one, and leave it, as on Linux") {
    check_both([](Side& s) {
        begin();
        std::int64_t seen[3] = {-1, -1, -1};
        start_waiter(s, seen[0], true);
        s.note("free", move(s, 5));
        s.join();
        s.note("seen", seen[0]);
        s.note("word", pair.lock);
        // Held by who moves them.
        begin();
        futex(s, &pair.lock, lock_pi);
        for (auto& each : seen) start_waiter(s, each, true);
        s.note("two", move(s, 1));
        s.note("waiters", pair.lock == (tid(s) | FUTEX_WAITERS));
        s.note("the third", move(s, 5));
        s.sleep(20);
        s.note("done", pair.done);
        s.note("unlock", futex(s, &pair.lock, unlock_pi));
        s.join();
        for (auto each : seen) s.note("seen", each);
        s.note("word", pair.lock);
        // A free lock that three want.
        begin();
        for (auto& each : seen) start_waiter(s, each, true);
        s.note("all", move(s, INT32_MAX));
        s.join();
        for (auto each : seen) s.note("seen", each);
        s.note("word", pair.lock);
        // The time is over while it waits for the lock.
        begin();
        futex(s, &pair.lock, lock_pi);
        s.start([&](Side& other) {
            timespec until{};
            DRUPE_CALL(other, clock_gettime, CLOCK_MONOTONIC, &until);
            until.tv_sec++;
            announce(other);
            seen[0] = await(other, 0, &until);
        });
        await_waiters(s, 1);
        s.note("move", move(s, 1));
        s.join();
        s.note("seen", seen[0]);
        s.note("unlock", futex(s, &pair.lock, unlock_pi));
        s.note("word", pair.lock);
        // It holds the lock that it waits for.
        begin();
        s.start([&](Side& other) {
            futex(other, &pair.lock, lock_pi);
            announce(other);
            seen[0] = await(other);
            pair.done++;
        });
        await_waiters(s, 1);
        s.note("its own", move(s, 1));
        s.note("done", pair.done);
        pair.lock = 0;
        s.note("free", move(s, 1));
        s.join();
        s.note("seen", seen[0]);
    });
}

TEST_CASE("a signal ends a wait for a lock, and an owner's death passes it on, as on Linux") {
    check_both([](Side& s) {
        static std::atomic<std::uint32_t> who;
        static std::int64_t seen;
        s.catch_signal(SIGUSR1);
        for (bool moved : {false, true}) {
            begin();
            who = 0;
            seen = 1;
            futex(s, &pair.lock, lock_pi);
            s.start([](Side& other) {
                who = tid(other);
                announce(other);
                seen = await(other);
                pair.done++;
            });
            await_waiters(s, 1);
            if (moved) s.note("move", move(s, 1));
            const int before = Side::caught[SIGUSR1];
            DRUPE_CALL(s, tkill, static_cast<int>(who.load()), SIGUSR1);
            while (Side::caught[SIGUSR1] == before) s.sleep(1);
            while (moved && pair.done == 0) s.sleep(1);
            s.await_sleep(who); // the handler done, it waits again, or has ended
            s.note("done", pair.done);
            if (!moved) s.note("move", move(s, 1));
            s.note("unlock", futex(s, &pair.lock, unlock_pi));
            s.join();
            s.note("seen", seen);
            s.note("mine", pair.lock != 0 && (pair.lock & FUTEX_TID_MASK) == who);
        }
        static struct {
            void* next;
            long offset;
            void* pending;
        } head;
        static struct { void* next; } entry;
        begin();
        s.start([](Side& owner) {
            entry = {&head};
            head = {reinterpret_cast<char*>(&entry) + 1,
                    reinterpret_cast<char*>(&pair.lock) - reinterpret_cast<char*>(&entry), nullptr};
            DRUPE_CALL(owner, set_robust_list, &head, 24);
            futex(owner, &pair.lock, lock_pi);
            pair.done++;
            owner.sleep(200);
        });
        while (pair.done == 0) s.sleep(1);
        s.start([](Side& other) {
            announce(other);
            seen = await(other);
            seen = seen * 10 + ((pair.lock & ~FUTEX_WAITERS) == (tid(other) | FUTEX_OWNER_DIED));
        });
        await_waiters(s, 1);
        s.note("move", move(s, 1));
        s.join();
        s.note("seen", seen);
    });
}
