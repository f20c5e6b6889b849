// SPDX-License-Identifier: BSD-2-Clause
#include "process_programs.h"

#include <catch2/catch.hpp>

#include <drupe/syscall/handlers.h>

#include "../support/failing_allocator.h"

#include <string>

using namespace drupe;
using namespace drupe::process;
using sim::at;
using sim::Program;
using sim::Programs;
using sim::Word;

namespace {

constexpr std::int64_t eintr = -4, eagain = -11;

void act(Program& p, int signo, Word handler, Word flags = 0, SignalSet mask = {}) {
    UserSigAction action{handler, flags, 0, mask.raw()};
    REQUIRE(p.call([&] { return syscall::rt_sigaction(signo, at(&action), VirtAddr{}, 8); }) == 0);
}
void mask(Program& p, SignalSet set) {
    Word bits = set.raw();
    REQUIRE(p.call([&] { return syscall::rt_sigprocmask(2, at(&bits), VirtAddr{}, 8); }) == 0);
}
std::int64_t kill_self(Program& p, int signo) {
    return p.call([&] { return syscall::kill(current_process().pid, signo); });
}
SignalSet blocked() { return current_user().blocked; }

/// Waits for `queue` like a system call that a signal ends with `errc`.
Result<Word> wait_on(sched::WaitQueue& queue, Errc errc) {
    if (queue.wait_until([] { return false; })) return Word{0};
    return errc;
}

} // namespace

TEST_CASE("a handler runs with its signal's facts and its mask, which comes back afterwards") {
    Programs programs;
    int runs = 0;
    programs.start([&](Program& p) {
        const Word handler = programs.handler([&](Program&, int signo, const SigInfo& info) {
            runs++;
            CHECK(signo == sigusr1);
            CHECK(info.signo == sigusr1);
            CHECK(info.code == si_user);
            CHECK(info.u.sent.pid == current_process().pid);
            CHECK(blocked() == SignalSet{sigusr1, sigterm});
        });
        act(p, sigusr1, handler, 0, SignalSet{sigterm, sigkill});
        CHECK(kill_self(p, sigusr1) == 0);
        CHECK(runs == 1);
        CHECK(blocked().is_empty());
        act(p, sigusr1, programs.handler([&](Program&, int, const SigInfo&) {
            runs++;
            CHECK(blocked().is_empty());
        }),
            sa_nodefer | sa_resethand);
        CHECK(kill_self(p, sigusr1) == 0);
        CHECK(runs == 2);
        // Only the handler is reset: the rest is still there to be seen.
        const SignalAction& left = (*current_process().actions)[sigusr1];
        CHECK(left.handler == handler_default);
        CHECK(left.flags == (sa_nodefer | sa_resethand));
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("default actions end, ignore or pass over") {
    const int signo = GENERATE(range(1, 65));
    if (signo == sigkill || stop_signals.has(signo)) return;
    Programs programs;
    bool went_on = false;
    programs.start([&](Program& p) {
        kill_self(p, signo);
        went_on = true;
    });
    CHECK(programs.run());
    const bool harmless = SignalSet{sigchld, sigurg, sigwinch, sigcont}.has(signo);
    CHECK(went_on == harmless);
    REQUIRE(programs.ended);
    CHECK(*programs.ended == (harmless ? WaitStatus::exited(0) : WaitStatus::killed(signo)));
}

TEST_CASE("a blocked signal waits until it is unblocked; the lowest of several is entered first") {
    Programs programs;
    std::string order;
    programs.start([&](Program& p) {
        const auto note = [&](char c) {
            return programs.handler([&order, c](Program&, int, const SigInfo&) { order += c; });
        };
        act(p, sigusr1, note('1'));
        act(p, sigusr2, note('2'));
        mask(p, SignalSet{sigusr1, sigusr2});
        kill_self(p, sigusr2);
        kill_self(p, sigusr1);
        kill_self(p, sigusr1);
        CHECK(order.empty());
        Word pending = 0;
        CHECK(p.call([&] { return syscall::rt_sigpending(at(&pending), 8); }) == 0);
        CHECK(SignalSet(pending) == SignalSet{sigusr1, sigusr2});
        mask(p, {});
        CHECK(order == "21"); // frames nest: what was entered last runs first, as on Linux
    });
    CHECK(programs.run());
}

TEST_CASE("SIGKILL and SIGSTOP cannot be blocked, handled or ignored") {
    Programs programs;
    programs.start([&](Program& p) {
        mask(p, SignalSet::all());
        CHECK(blocked() == SignalSet::all().without(never_blocked));
        UserSigAction action{handler_ignore, 0, 0, 0};
        CHECK(p.call([&] { return syscall::rt_sigaction(sigkill, at(&action), VirtAddr{}, 8); }) ==
              -22);
        kill_self(p, sigkill);
        FAIL("ran on after SIGKILL");
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::killed(sigkill));
}

TEST_CASE("what becomes of an interrupted call") {
    struct Row {
        Errc errc;
        bool handler;
        Word flags;
        bool repeats;
    };
    // signal(7), "Interruption of system calls and library functions by signal handlers".
    const Row row =
        GENERATE(Row{Errc::restart, true, sa_restart, true}, Row{Errc::restart, true, 0, false},
                 Row{Errc::restart_no_handler, true, sa_restart, false},
                 Row{Errc::restart_no_handler, true, 0, false}, Row{Errc::restart, false, 0, true},
                 Row{Errc::restart_no_handler, false, 0, true},
                 Row{Errc::interrupted, true, sa_restart, false});
    Programs programs;
    int tries = 0;
    int runs = 0;
    programs.start([&](Program& p) {
        if (row.handler)
            act(p, sigusr1, programs.handler([&](Program&, int, const SigInfo&) { runs++; }),
                row.flags);
        sched::WaitQueue queue;
        const RefPtr<Process> self(&current_process()); // handlers may come after its end
        programs.machine.interrupt_at(Nanos{5000}, [&, self] {
            // Without a handler: a stop and go, which ends the wait and is seen by nobody.
            post_signal(*self, row.handler ? sigusr1 : sigstop);
        });
        programs.machine.interrupt_at(Nanos{9000}, [&, self] { post_signal(*self, sigcont); });
        const std::int64_t result = p.call([&]() -> Result<Word> {
            if (++tries == 2) return Word{7};
            return wait_on(queue, row.errc);
        });
        CHECK(result == (row.repeats ? 7 : eintr));
        CHECK(tries == (row.repeats ? 2 : 1));
        CHECK(runs == (row.handler ? 1 : 0));
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("a wait with a relative time goes on through restart_syscall, unless a handler ran") {
    const bool with_handler = GENERATE(false, true);
    Programs programs;
    Word resumed = 0;
    programs.start([&](Program& p) {
        if (with_handler)
            act(p, sigusr1, programs.handler([](Program&, int, const SigInfo&) {}), sa_restart);
        const RefPtr<Process> self(&current_process()); // handlers may come after its end
        sched::WaitQueue queue;
        programs.machine.interrupt_at(
            Nanos{5000}, [&, self] { post_signal(*self, with_handler ? sigusr1 : sigstop); });
        programs.machine.interrupt_at(Nanos{9000}, [&, self] { post_signal(*self, sigcont); });
        static Word* seen;
        seen = &resumed;
        const std::int64_t result = p.call([&]() -> Result<Word> {
            RestartBlock rest;
            rest.resume = [](RestartBlock& block) -> Result<Word> {
                *seen = block.args[3];
                return Word{55};
            };
            rest.args[3] = 1234;
            return wait_on(queue, restart_later(rest));
        });
        CHECK(result == (with_handler ? eintr : 55));
        CHECK(resumed == (with_handler ? 0u : 1234u));
        CHECK(p.call([] { return syscall::restart_syscall(); }) == eintr);
    });
    CHECK(programs.run());
}

TEST_CASE("sigsuspend waits under another mask and gives the old one back after the handler") {
    Programs programs;
    bool ran = false;
    programs.start([&](Program& p) {
        act(p, sigusr1, programs.handler([&](Program&, int, const SigInfo&) {
            ran = true;
            CHECK(blocked() == SignalSet{sigusr1, sigterm});
        }));
        mask(p, SignalSet{sigusr1, sigusr2});
        const RefPtr<Process> self(&current_process()); // handlers may come after its end
        programs.machine.interrupt_at(Nanos{5000}, [&, self] { post_signal(*self, sigusr2); });
        programs.machine.interrupt_at(Nanos{9000}, [&, self] { post_signal(*self, sigusr1); });
        act(p, sigusr2, handler_ignore);
        Word during = SignalSet{sigterm}.raw();
        CHECK(p.call([&] { return syscall::rt_sigsuspend(at(&during), 8); }) == eintr);
        CHECK(ran);
        CHECK(blocked() == SignalSet{sigusr1, sigusr2});
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("sigtimedwait takes what is pending, waits for what is not, and gives up in time") {
    Programs programs;
    programs.start([&](Program& p) {
        mask(p, SignalSet::all());
        struct {
            SigInfo info;
            char rest[80];
        } got{};
        Word wanted = SignalSet{sigusr1, 40}.raw();
        struct {
            std::int64_t s, ns;
        } timeout{0, 20'000};
        const auto handler = [&] {
            return syscall::rt_sigtimedwait(at(&wanted), at(&got), at(&timeout), 8);
        };
        // By reference: SIGKILL would leave a copy behind.
        const auto wait = [&] { return p.call(std::ref(handler)); };
        CHECK(wait() == eagain);
        SigInfo queued = SigInfo::from_user(40, si_queue, 9, 9);
        queued.u.sent.value = 77;
        const Pid self_pid = current_process().pid;
        REQUIRE(p.call([&] { return syscall::rt_sigqueueinfo(self_pid, 40, at(&queued)); }) == 0);
        CHECK(wait() == 40);
        CHECK(got.info.u.sent.value == 77);
        Process& self = current_process(); // nothing here outlives it, and SIGKILL unwinds nothing
        programs.machine.interrupt_at(time::now() + Nanos{5000},
                                      [&] { post_signal(self, sigusr1); });
        CHECK(wait() == sigusr1);
        CHECK(got.info.code == si_kernel);
        programs.machine.interrupt_at(time::now() + Nanos{5000},
                                      [&] { post_signal(self, sigkill); });
        wait();
        FAIL("survived SIGKILL");
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::killed(sigkill));
}

TEST_CASE("a handler runs on the alternate stack when asked to, and nested ones stay on it") {
    const bool disarms = GENERATE(false, true);
    Programs programs;
    int depth = 0;
    programs.start([&](Program& p) {
        const Word top = programs.stack(16384);
        const Word main_sp = p.frame().sp();
        UserStack stack{top - 16384, disarms ? static_cast<int>(ss_autodisarm) : 0, 0, 16384};
        REQUIRE(p.call([&] { return syscall::sigaltstack(at(&stack), VirtAddr{}); }) == 0);
        Word first_sp = 0;
        const Word handler = programs.handler([&](Program& q, int, const SigInfo&) {
            UserStack now{};
            const Word sp = q.frame().sp();
            REQUIRE(q.call([&] { return syscall::sigaltstack(VirtAddr{}, at(&now)); }) == 0);
            if (depth++ == 0) {
                first_sp = sp;
                CHECK((sp > top - 16384 && sp < top));
                CHECK(now.flags == static_cast<int>(disarms ? ss_disable : ss_onstack));
                // The stack cannot be changed while it is in use.
                const Word other_top = programs.stack(16384);
                UserStack other{other_top - 16384, 0, 0, 16384};
                CHECK(q.call([&] { return syscall::sigaltstack(at(&other), VirtAddr{}); }) ==
                      (disarms ? 0 : -1));
                kill_self(q, sigusr2);
            } else if (!disarms) {
                CHECK((sp > top - 16384 && sp < first_sp));
            }
        });
        act(p, sigusr1, handler, sa_onstack);
        act(p, sigusr2, handler, sa_onstack);
        kill_self(p, sigusr1);
        CHECK(depth == 2);
        CHECK(p.frame().sp() == main_sp);
        UserStack after{};
        REQUIRE(p.call([&] { return syscall::sigaltstack(VirtAddr{}, at(&after)); }) == 0);
        CHECK(after.sp == stack.sp);
        CHECK(after.size == stack.size);
        stack.size = 1024;
        CHECK(p.call([&] { return syscall::sigaltstack(at(&stack), VirtAddr{}); }) == -12);
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE(
    "without a stack for its handler a signal becomes SIGSEGV, and that without one the end") {
    const bool has_alternate = GENERATE(false, true);
    Programs programs;
    bool handled = false;
    programs.start([&](Program& p) {
        UserStack stack{programs.stack(16384) - 16384, 0, 0, 16384};
        if (has_alternate)
            REQUIRE(p.call([&] { return syscall::sigaltstack(at(&stack), VirtAddr{}); }) == 0);
        act(p, sigusr1, programs.handler([](Program&, int, const SigInfo&) { FAIL("no stack"); }));
        act(p, sigsegv, programs.handler([&](Program& q, int, const SigInfo&) {
            handled = true;
            (void)q.call([] { return syscall::exit_group(3); });
        }),
            sa_onstack);
        p.frame().set_sp(2000); // nothing is there
        kill_self(p, sigusr1);
        FAIL("went on");
    });
    CHECK(programs.run());
    CHECK(handled == has_alternate);
    CHECK(programs.ended == (has_alternate ? WaitStatus::exited(3) : WaitStatus::killed(sigsegv)));
}

TEST_CASE("a fault's signal kills when it is blocked or ignored") {
    const int how = GENERATE(0, 1, 2);
    Programs programs;
    bool handled = false;
    programs.start([&](Program& p) {
        if (how == 0) mask(p, SignalSet{sigsegv});
        if (how == 1) act(p, sigsegv, handler_ignore);
        if (how != 1)
            act(p, sigsegv, programs.handler([&](Program& q, int, const SigInfo& info) {
                handled = true;
                CHECK(info.code == segv_access_error);
                CHECK(info.u.fault.address == 0x1234);
                (void)q.call([] { return syscall::exit_group(0); });
            }));
        force_signal(SigInfo::from_fault(sigsegv, segv_access_error, 0x1234));
        p.compute(0);
        FAIL("went on");
    });
    CHECK(programs.run());
    CHECK(handled == (how == 2));
    CHECK(programs.ended == (how == 2 ? WaitStatus::exited(0) : WaitStatus::killed(sigsegv)));
}

TEST_CASE("a timer's signal is queued once, also beside others of its number") {
    Programs programs;
    std::vector<int> codes;
    programs.start([&](Program& p) {
        static QueuedSignal node;
        node.info = SigInfo::from_timer(sigusr1, 1, 5);
        act(p, sigusr1, programs.handler([&](Program&, int, const SigInfo& info) {
            codes.push_back(info.code);
            CHECK(info.timer_mark == 0);
        }));
        Process& self = current_process();
        (void)p.call([] { return syscall::timer_delete(0); }); // there are timers now
        mask(p, SignalSet{sigusr1});
        kill_self(p, sigusr1);
        CHECK(post_signal(self, node, 1));
        CHECK_FALSE(post_signal(self, node, 1));
        CHECK_FALSE(post_signal(self, self.pid, node, 1));
        mask(p, {});
        CHECK(post_signal(self, self.pid, node, 1));
        p.compute();
        mask(p, SignalSet{sigusr1});
        CHECK(post_signal(self, node, 1));
        withdraw_signal(self, node);
        CHECK_FALSE(node.is_queued());
        mask(p, {});
    });
    CHECK(programs.run());
    CHECK(codes == std::vector<int>{si_user, si_timer, si_timer});
}

TEST_CASE("ignoring a signal forgets it where it is pending") {
    Programs programs;
    programs.start([&](Program& p) {
        mask(p, SignalSet{sigusr1});
        kill_self(p, sigusr1);
        CHECK(current_process().pending.set().has(sigusr1));
        act(p, sigusr1, handler_ignore);
        CHECK(current_process().pending.set().is_empty());
        act(p, sigusr1, handler_default);
        mask(p, {});
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}

TEST_CASE("without memory a standard signal loses its facts, a real-time signal is refused") {
    Programs programs;
    int code = 1;
    programs.start([&](Program& p) {
        act(p, sigusr1,
            programs.handler([&](Program&, int, const SigInfo& info) { code = info.code; }));
        const Pid self = current_process().pid;
        SigInfo queued = SigInfo::from_user(40, si_queue, 9, 9);
        {
            const testing::FailingAllocator failing(1);
            CHECK(p.call([&] { return syscall::rt_sigqueueinfo(self, 40, at(&queued)); }) ==
                  eagain);
            CHECK(testing::FailingAllocator::failed());
        }
        {
            const testing::FailingAllocator failing(1);
            CHECK(kill_self(p, sigusr1) == 0);
        }
        CHECK(code == si_kernel);
    });
    CHECK(programs.run());
    CHECK(programs.ended == WaitStatus::exited(0));
}
