// SPDX-License-Identifier: BSD-2-Clause
// Whom a futex wakes first, beside the build machine's own: real-time priority, then who came
// first.
#include "both_sides.h"

#include <linux/futex.h>
#include <sched.h>

using sim::check_both;
using sim::Side;

namespace {

std::uint32_t first_word, second_word;
std::atomic<int> tid_of_last;
std::vector<std::string> order; // one writes at a time: the script waits for each

/// A thread that waits on the first word, as `name`, with this priority (0: none).
void start_waiter(Side& s, const char* name, int priority) {
    tid_of_last = 0;
    s.start([name, priority](Side& other) {
        sched_param parameter{priority};
        const auto set =
            priority == 0 ? 0 : DRUPE_CALL(other, sched_setscheduler, 0, SCHED_FIFO, &parameter);
        tid_of_last = static_cast<int>(DRUPE_CALL(other, gettid));
        const auto woken = other.call(SYS_futex, drupe::syscall::futex, &first_word,
                                      FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
        order.push_back(name + std::string(set == 0 && woken == 0 ? "" : " failed"));
    });
    while (tid_of_last == 0) s.sleep(1);
    s.await_sleep(tid_of_last);
}

void wake_one(Side& s, std::uint32_t* word) {
    const std::size_t before = order.size();
    s.note("wake", s.call(SYS_futex, drupe::syscall::futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr,
                          nullptr, 0));
    for (int i = 0; i < 1000 && order.size() == before; i++) s.sleep(1);
    s.note("woken", order.size() == before ? "nobody" : order.back());
}

void start_all(Side& s) {
    order.clear();
    order.reserve(16);
    start_waiter(s, "first", 0);
    start_waiter(s, "low", 10);
    start_waiter(s, "second", 0);
    start_waiter(s, "high", 20);
    start_waiter(s, "low too", 10);
    start_waiter(s, "third", 0);
}

} // namespace

TEST_CASE("a futex wakes the most urgent waiter first, of equals who came first") {
    check_both([](Side& s) {
        start_all(s);
        for (int i = 0; i < 7; i++) wake_one(s, &first_word);
        s.join();
    });
}

TEST_CASE("waiters that are moved to another word keep their order of urgency") {
    check_both([](Side& s) {
        start_all(s);
        s.note("requeue",
               s.call(SYS_futex, drupe::syscall::futex, &first_word, FUTEX_REQUEUE_PRIVATE, 1,
                      reinterpret_cast<void*>(3), &second_word, 0));
        while (order.empty()) s.sleep(1);
        s.note("woken", order.back());
        for (int i = 0; i < 4; i++) wake_one(s, &second_word);
        for (int i = 0; i < 3; i++) wake_one(s, &first_word);
        s.join();
    });
}
