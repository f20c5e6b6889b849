// SPDX-License-Identifier: BSD-2-Clause
#include "caller.h"

#include "user_time.h"

#include <drupe/process/futex.h>
#include <drupe/sched/futex.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/syscall/handlers.h>

using namespace drupe;
using test::at;

namespace {
constexpr int priv = 128;
constexpr std::uint32_t any = ~0u;
enum { wait_op = 0, wake_op = 1, requeue_op = 3, cmp_requeue = 4, wake_op_op = 5, wait_bits = 9 };
constexpr VirtAddr null{0};

auto call(std::uint32_t& word, int op, std::uint32_t value, VirtAddr timeout = null,
          VirtAddr second = null, std::uint32_t value3 = 0) {
    return syscall::futex(at(word), op | priv, value, timeout, second, value3);
}
/// FUTEX_OP of [linux] include/uapi/linux/futex.h.
constexpr std::uint32_t encode(unsigned op, unsigned operand, unsigned cmp, unsigned compared) {
    return op << 28 | cmp << 24 | (operand & 0xfff) << 12 | (compared & 0xfff);
}
} // namespace

TEST_CASE("futex calls are checked before anything is done") {
    test::Caller caller;
    CHECK(caller.run([&] {
        std::uint32_t word = 0;
        CHECK(call(word, wait_op, 1).error() == Errc::would_block);
        CHECK(syscall::futex(at(word) + 2, priv, 0, null, null, 0).error() == Errc::invalid);
        CHECK(syscall::futex(test::nowhere, priv, 0, null, null, 0).error() == Errc::fault);
        // A word that others may share has to be there, a private one need not.
        CHECK(syscall::futex(test::nowhere, wake_op, 1, null, null, 0).error() == Errc::fault);
        CHECK(syscall::futex(test::nowhere, wake_op | priv, 1, null, null, 0).value() == 0);
        CHECK(syscall::futex(at(word), cmp_requeue, 1, VirtAddr{1}, test::nowhere, 0).error() ==
              Errc::fault);
        CHECK(call(word, wait_bits, 0, null, null, 0).error() == Errc::invalid);
        CHECK(call(word, 10, 1, null, null, 0).error() == Errc::invalid);
        CHECK(call(word, 14, 0).error() == Errc::not_implemented);  // WAIT_REQUEUE_PI
        CHECK(call(word, 256, 0).error() == Errc::not_implemented); // no clock for WAIT
        syscall::UserTimespec bad{0, -1};
        CHECK(call(word, wait_op, 0, at(bad)).error() == Errc::invalid);
        CHECK(call(word, wake_op, 5).value() == 0);
    }));
}

TEST_CASE("a relative futex timeout counts from the call, an absolute one names a time") {
    test::Caller caller;
    CHECK(caller.run([&] {
        std::uint32_t word = 0;
        time::set_wall(Nanos::from_seconds(50));
        syscall::UserTimespec t{0, 2'000'000};
        CHECK(call(word, wait_op, 0, at(t)).error() == Errc::timed_out);
        CHECK(time::now().ns / 1'000'000 == 2);
        t = {0, 5'000'000};
        CHECK(call(word, wait_bits, 0, at(t), null, any).error() == Errc::timed_out);
        CHECK(time::now().ns / 1'000'000 == 5);
        t = {50, 9'000'000};
        CHECK(call(word, wait_bits | 256, 0, at(t), null, any).error() == Errc::timed_out);
        CHECK(time::now().ns / 1'000'000 == 9);
    }));
}

TEST_CASE("an interrupted relative wait keeps its deadline") {
    test::Caller caller;
    CHECK(caller.run([&] {
        std::uint32_t word = 0;
        sched::Thread& self = sched::current();
        caller.machine.interrupt_at(Nanos{1'000'000}, [&] { self.post_work(sched::work_signal); });
        syscall::UserTimespec t{0, 4'000'000};
        CHECK(call(word, wait_op, 0, at(t)).error() == Errc::restart_no_handler);
        self.work.fetch_and(~std::uint32_t{sched::work_signal});
        process::RestartBlock& block = self.user->restart;
        REQUIRE(block.resume);
        CHECK(block.resume(block).error() == Errc::timed_out);
        CHECK(time::now().ns / 1'000'000 == 4);
    }));
}

TEST_CASE("WAKE_OP changes the second word as asked and tests what it held") {
    test::Caller caller;
    CHECK(caller.run([&] {
        std::uint32_t first = 0, second = 6;
        const auto op = [&](std::uint32_t encoded) {
            return call(first, wake_op_op, 1, VirtAddr{1}, at(second), encoded);
        };
        CHECK(op(encode(0, 9, 0, 6)).ok());
        CHECK(second == 9);
        CHECK(op(encode(1, 0xfff, 0, 0)).ok()); // add -1
        CHECK(second == 8);
        CHECK(op(encode(2, 3, 0, 0)).ok());
        CHECK(second == 11);
        CHECK(op(encode(3, 8, 0, 0)).ok());
        CHECK(second == 3);
        CHECK(op(encode(4, 1, 0, 0)).ok());
        CHECK(second == 2);
        CHECK(op(encode(8 | 2, 4, 0, 0)).ok()); // or with 1 << 4
        CHECK(second == 18);
        CHECK(op(encode(5, 0, 0, 0)).error() == Errc::not_implemented);
        CHECK(op(encode(0, 0, 6, 0)).error() == Errc::not_implemented);
    }));
}

TEST_CASE("WAKE_OP wakes waiters of the second word only when the test holds") {
    test::Caller caller;
    static std::uint32_t first, second;
    first = second = 0;
    int woken = 0;
    auto waiter = [&](std::uint32_t& word) {
        caller.machine.spawn("waiter", [&] {
            CHECK(sched::futex_wait(caller.key(word), {at(word), 0}, any, Nanos::never()).ok());
            ++woken;
        });
    };
    waiter(first);
    waiter(second);
    CHECK(caller.run([&] {
        (void)sched::sleep_until(Nanos{1000});
        const auto run = [&](std::uint32_t encoded) {
            return call(first, wake_op_op, 1, VirtAddr{1}, at(second), encoded).value();
        };
        CHECK(run(encode(0, 0, 4, 5)) == 1);     // was greater than 5? no
        CHECK(run(encode(0, 0, 2, 0xfff)) == 0); // less than -1? no
        CHECK(run(encode(0, 0, 4, 0xfff)) == 1); // greater than -1: yes
    }));
    CHECK(woken == 2);
}

TEST_CASE("the end of a thread wakes who waits on its word") {
    test::Caller caller;
    static std::uint32_t word;
    word = 7;
    caller.machine.spawn("joiner", [&] {
        CHECK(sched::futex_wait(caller.key(word), {at(word), 7}, any, Nanos::never()).ok());
    });
    CHECK(caller.run([&] {
        (void)sched::sleep_until(Nanos{1000});
        process::wake_futex(at(word), 1);
    }));
}
