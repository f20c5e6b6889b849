// SPDX-License-Identifier: BSD-2-Clause
#include "process_programs.h"

#include <catch2/catch.hpp>

#include <drupe/process/futex.h>
#include <drupe/process/task_table.h>
#include <drupe/syscall/handlers.h>

#include "../support/failing_allocator.h"

using namespace drupe;
using namespace drupe::process;
using sim::at;
using sim::Program;
using sim::Programs;
using sim::Word;

namespace {

constexpr std::int64_t echild = -10, esrch = -3;
constexpr int nohang = 1, untraced = 2, continued = 8;

std::int64_t wait4(Program& p, int pid, int* status, int options = 0) {
    return p.call([&] { return syscall::wait4(pid, at(status), options, VirtAddr{}); });
}
void act(Program& p, int signo, Word handler, Word flags = 0) {
    UserSigAction action{handler, flags, 0, 0};
    REQUIRE(p.call([&] { return syscall::rt_sigaction(signo, at(&action), VirtAddr{}, 8); }) == 0);
}
std::size_t process_count() {
    std::size_t n = 0;
    for_each_process([&](Process&) { n++; });
    return n;
}
Result<Word> sleep_for_ever() {
    sched::WaitQueue queue;
    (void)queue.wait_until([] { return false; }).ok();
    return Errc::restart;
}

} // namespace

TEST_CASE("a thread shares the process and tells who waits that it ended") {
    Programs programs({.seed = GENERATE(range(0ul, 20ul))});
    std::uint32_t tid_word = 99;
    bool ran = false;
    programs.start([&](Program& p) {
        Process& self = current_process();
        const std::int64_t tid = sim::clone(
            p, sim::thread_flags,
            [&](Program& q) {
                CHECK(&current_process() == &self);
                CHECK(q.call([] { return syscall::getpid(); }) == self.pid);
                CHECK(q.call([] { return syscall::gettid(); }) != self.pid);
                q.compute(5000);
                ran = true;
            },
            raw(at(&tid_word)));
        REQUIRE(tid > 0);
        CHECK(self.thread_count == 2);
        // As pthread_join: sleep on the word until it is zero.
        while (tid_word != 0)
            p.call([&]() -> Result<Word> {
                (void)sched::futex_wait(shared_futex_key(at(&tid_word)), {at(&tid_word), tid_word},
                                        sched::futex_any, Nanos::never())
                    .ok();
                return Word{0};
            });
        CHECK(ran);
        p.compute(10'000);
        CHECK(self.thread_count == 1);
        CHECK(p.call([&] { return syscall::tgkill(self.pid, static_cast<int>(tid), 0); }) == esrch);
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("exit_group ends every thread, wherever it is; the first status counts") {
    Programs programs({.seed = GENERATE(range(0ul, 20ul))});
    programs.start([&](Program& p) {
        for (int n = 0; n < 3; n++)
            REQUIRE(sim::clone(p, sim::thread_flags, [&, n](Program& q) {
                        if (n == 0) q.call(sleep_for_ever);
                        for (;;) q.compute(1000);
                    }) > 0);
        REQUIRE(sim::clone(p, sim::thread_flags, [&](Program& q) {
                    q.compute(20'000);
                    q.call([] { return syscall::exit_group(7); });
                }) > 0);
        p.call(sleep_for_ever);
        FAIL("woke");
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(7));
    CHECK(process_count() == 1);
}

TEST_CASE("the process outlives its first thread, and a signal finds one that wants it") {
    Programs programs;
    Pid taken_by = 0;
    programs.start([&](Program& p) {
        act(p, sigusr1, programs.handler([&](Program& q, int, const SigInfo&) {
            taken_by = static_cast<Pid>(q.call([] { return syscall::gettid(); }));
        }));
        Process& self = current_process();
        REQUIRE(sim::clone(p, sim::thread_flags, [&](Program& q) {
                    q.compute(5000);
                    CHECK(self.thread_count == 2);
                    CHECK(q.call([&] { return syscall::kill(self.pid, sigusr1); }) == 0);
                    q.compute(5000);
                    CHECK(taken_by == q.call([] { return syscall::gettid(); }));
                    q.call([] { return syscall::exit(4); });
                }) > 0);
        static Word all = ~Word{0}; // outlives the first thread
        // The other thread begins with this one's mask: it is blocked only here, and only now.
        REQUIRE(sim::clone(p, sim::thread_flags, [&](Program& q) {
                    REQUIRE(q.call([&] {
                        return syscall::rt_sigprocmask(2, at(&all), VirtAddr{}, 8);
                    }) == 0);
                    q.compute(15'000);
                }) > 0);
        p.call([] { return syscall::exit(9); });
    });
    CHECK(programs.run());
    CHECK(programs.ended.has_value());
}

TEST_CASE("a child's end is told by wait4 and SIGCHLD, exactly once") {
    Programs programs({.seed = GENERATE(range(0ul, 10ul))});
    int signals = 0;
    programs.start([&](Program& p) {
        act(p, sigchld, programs.handler([&](Program&, int, const SigInfo& info) {
            signals++;
            CHECK(info.code == child_exited);
            CHECK(info.u.child.status == 42);
        }),
            sa_restart);
        const Pid parent = current_process().pid;
        const std::int64_t pid = sim::clone(p, sim::fork_flags, [&](Program& q) {
            CHECK(q.call([] { return syscall::getppid(); }) == parent);
            CHECK(q.call([] { return syscall::getpid(); }) != parent);
            q.compute(3000);
            q.call([] { return syscall::exit_group(42); });
        });
        REQUIRE(pid > 0);
        int status = -1;
        CHECK(wait4(p, -1, &status, nohang) == 0);
        CHECK(wait4(p, -1, &status) == pid);
        CHECK(status == 42 << 8);
        CHECK(wait4(p, -1, &status) == echild);
        CHECK(signals == 1);
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
    CHECK(process_count() == 1);
}

TEST_CASE("children that nobody wants to wait for leave no zombie") {
    const bool by_flag = GENERATE(false, true);
    Programs programs;
    programs.start([&](Program& p) {
        if (by_flag)
            act(p, sigchld, programs.handler([](Program&, int, const SigInfo&) {}),
                sa_nocldwait | sa_restart);
        else
            act(p, sigchld, handler_ignore);
        for (int n = 0; n < 3; n++)
            REQUIRE(sim::clone(p, sim::fork_flags, [](Program& q) { q.compute(1000); }) > 0);
        int status;
        CHECK(wait4(p, -1, &status) == echild); // after the last has gone
        CHECK(process_count() == 2);
    });
    CHECK(programs.run());
    CHECK(process_count() == 1);
}

TEST_CASE("orphans go to the reaper, or to a subreaper that asked for them") {
    const bool subreaper = GENERATE(false, true);
    Programs programs;
    Pid new_parent = 0;
    programs.start([&](Program& p) {
        const Pid self = current_process().pid;
        if (subreaper) current_process().is_subreaper = true;
        REQUIRE(sim::clone(p, sim::fork_flags, [&](Program& q) {
                    REQUIRE(sim::clone(q, sim::fork_flags, [&](Program& r) {
                                r.compute(20'000);
                                new_parent =
                                    static_cast<Pid>(r.call([] { return syscall::getppid(); }));
                            }) > 0);
                }) > 0);
        int status;
        CHECK(wait4(p, -1, &status) > 0);
        p.compute(60'000);
        CHECK(new_parent == (subreaper ? self : 1));
        CHECK(wait4(p, -1, &status) == (subreaper ? Approx(0).margin(1e9) : Approx(echild)));
    });
    CHECK(programs.run());
    CHECK(process_count() == 1);
}

TEST_CASE("a child killed by a signal says so; stops and continuations are told when asked for") {
    Programs programs;
    programs.start([&](Program& p) {
        const auto pid = static_cast<int>(sim::clone(p, sim::fork_flags, [](Program& q) {
            for (;;) q.compute(1000);
        }));
        REQUIRE(pid > 0);
        int status = -1;
        const auto send = [&](int signo) {
            REQUIRE(p.call([&] { return syscall::kill(pid, signo); }) == 0);
        };
        send(sigstop);
        CHECK(wait4(p, pid, &status, untraced) == pid);
        CHECK(status == (sigstop << 8 | 0x7f));
        CHECK(wait4(p, pid, &status, untraced | nohang) == 0);
        send(sigcont);
        CHECK(wait4(p, pid, &status, continued) == pid);
        CHECK(status == 0xffff);
        send(sigstop);
        CHECK(wait4(p, pid, &status, untraced) == pid);
        send(sigkill);
        CHECK(wait4(p, pid, &status) == pid);
        CHECK(status == sigkill);
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("a child of a thread with SCHED_RESET_ON_FORK begins as an ordinary one") {
    constexpr int fifo = 1, batch = 3, reset_on_fork = 0x4000'0000;
    Programs programs;
    programs.start([&](Program& p) {
        const auto child_of = [&](int policy, std::int32_t priority, int nice) {
            REQUIRE(p.call([&] { return syscall::setpriority(0, 0, nice); }) == 0);
            REQUIRE(p.call([&] { return syscall::sched_setscheduler(0, policy, at(&priority)); }) ==
                    0);
            CHECK(p.call([] { return syscall::sched_getscheduler(0); }) == policy);
            std::int64_t found = -1, weight = -1;
            const std::int64_t pid = sim::clone(p, sim::fork_flags, [&](Program& q) {
                found = q.call([] { return syscall::sched_getscheduler(0); });
                weight = q.call([] { return syscall::getpriority(0, 0); });
                q.call([] { return syscall::exit_group(0); });
            });
            int status;
            CHECK(wait4(p, static_cast<int>(pid), &status) == pid);
            return std::pair(found, 20 - weight);
        };
        CHECK(child_of(fifo | reset_on_fork, 7, -5) == std::pair<std::int64_t, std::int64_t>(0, 0));
        CHECK(child_of(batch | reset_on_fork, 0, -5) ==
              std::pair<std::int64_t, std::int64_t>(batch, 0));
        CHECK(child_of(batch | reset_on_fork, 0, 3) ==
              std::pair<std::int64_t, std::int64_t>(batch, 3));
        CHECK(child_of(fifo, 7, 0) == std::pair<std::int64_t, std::int64_t>(fifo, 0));
    });
    CHECK(programs.run());
}

TEST_CASE("a vfork parent sleeps until the child is gone") {
    Programs programs;
    bool child_ended = false;
    programs.start([&](Program& p) {
        constexpr Word flags = Word{clone_vm} | clone_vfork | sim::fork_flags;
        const std::int64_t pid = sim::clone(p, flags, [&](Program& q) {
            q.compute(5000);
            child_ended = true;
            q.call([] { return syscall::exit_group(0); });
        });
        CHECK(child_ended);
        int status;
        CHECK(wait4(p, static_cast<int>(pid), &status) == pid);
    });
    CHECK(programs.run());
}

TEST_CASE("clone refuses what Linux refuses") {
    Programs programs;
    programs.start([&](Program& p) {
        const auto refused = [&](Word flags) {
            return sim::clone(p, flags, [](Program&) { FAIL("ran"); });
        };
        CHECK(refused(Word{clone_thread} | clone_vm) == -22);
        CHECK(refused(clone_sighand) == -22);
        CHECK(refused(Word{clone_newns} | sim::fork_flags) == -1);
        CHECK(refused(Word{clone_pidfd} | clone_detached | sim::fork_flags) == -22);
        CHECK(refused(Word{clone_pidfd} | sim::thread_flags) == -22);
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("a dying thread marks its robust locks and wakes who waits for them") {
    Programs programs;
    struct Lock {
        std::uint64_t next;
        std::uint32_t word;
    };
    static Lock first, second;
    static struct {
        std::uint64_t next;
        std::int64_t offset;
        std::uint64_t pending;
    } head;
    programs.start([&](Program& p) {
        std::uint32_t tid_word = 1;
        REQUIRE(sim::clone(
                    p, sim::thread_flags,
                    [&](Program& q) {
                        const auto tid = static_cast<std::uint32_t>(current_user().tid);
                        first = {raw(at(&second)), tid | 0x8000'0000};
                        second = {raw(at(&head)), tid + 1}; // somebody else's
                        head = {raw(at(&first)), offsetof(Lock, word), 0};
                        REQUIRE(q.call([&] { return syscall::set_robust_list(at(&head), 24); }) ==
                                0);
                        q.compute(20'000'000); // longer than a turn: the other one looks in between
                    },
                    raw(at(&tid_word))) > 0);
        while (first.word == 0) p.compute(1000);
        const std::uint32_t held = first.word;
        p.call([&]() -> Result<Word> {
            CHECK(sched::futex_wait(private_futex_key(at(&first.word)), {at(&first.word), held},
                                    sched::futex_any, Nanos::never())
                      .ok());
            return Word{0};
        });
        CHECK(first.word == 0xc000'0000);
        CHECK((second.word & 0x4000'0000) == 0);
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("groups and sessions follow setpgid and setsid") {
    Programs programs;
    programs.start([&](Program& p) {
        const Pid self = current_process().pid;
        CHECK(p.call([] { return syscall::setsid(); }) == -1); // leads a group already
        Pid child_session = 0;
        const auto pid = static_cast<int>(sim::clone(p, sim::fork_flags, [&](Program& q) {
            CHECK(q.call([] { return syscall::getpgid(0); }) == self);
            child_session = static_cast<Pid>(q.call([] { return syscall::setsid(); }));
            CHECK(child_session == q.call([] { return syscall::getpid(); }));
            CHECK(q.call([] { return syscall::setpgid(0, 0); }) == -1); // a leader stays
        }));
        int status;
        CHECK(wait4(p, pid, &status) == pid);
        CHECK(child_session == pid);
        const auto other = static_cast<int>(
            sim::clone(p, sim::fork_flags, [&](Program& q) { q.call(sleep_for_ever); }));
        CHECK(p.call([&] { return syscall::setpgid(other, 0); }) == 0);
        CHECK(p.call([&] { return syscall::getpgid(other); }) == other);
        CHECK(p.call([&] { return syscall::kill(-other, sigterm); }) == 0);
        CHECK(wait4(p, -other, &status) == other);
        CHECK(status == sigterm);
        CHECK(p.call([&] { return syscall::kill(-other, sigterm); }) == esrch);
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("a clone that finds no memory leaves nothing behind") {
    const Word flags = GENERATE(sim::thread_flags, sim::fork_flags);
    Programs programs;
    unsigned failures = 0;
    programs.start([&](Program& p) {
        static std::uint32_t tid_word = 1; // outlives this function, as the thread may
        for (unsigned n = 1;; n++) {
            std::int64_t id = 0;
            bool failed = false;
            {
                const testing::FailingAllocator failing(n);
                id = sim::clone(
                    p, flags, [](Program&) {}, raw(at(&tid_word)));
                failed = testing::FailingAllocator::failed();
            }
            if (id < 0) {
                failures++;
                CHECK(id == -12);
                CHECK(current_process().thread_count == 1);
                CHECK(current_process().children.is_empty());
                CHECK(process_count() == 2);
            } else if (flags == sim::fork_flags) {
                int status = 0;
                CHECK(wait4(p, static_cast<int>(id), &status) == id);
            } else {
                p.compute(20'000);
            }
            if (!failed) break;
        }
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
    CHECK(failures >= 2);
}
