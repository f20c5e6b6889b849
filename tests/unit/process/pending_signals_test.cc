// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <drupe/process/pending_signals.h>
#include <drupe/process/user_usage.h>

#include <map>
#include <random>
#include <vector>

using namespace drupe::process;

namespace {
QueuedSignal* make(int signo, std::uint64_t value = 0) {
    auto* node = new QueuedSignal;
    node->info = SigInfo::from_user(signo, si_queue, 1, 2);
    node->info.u.sent.value = value;
    node->is_allocated = true;
    REQUIRE(use_more(node->charged_uid, PerUser::pending_signals, 1, 100'000));
    return node;
}
} // namespace

TEST_CASE("a standard signal is pending once, a real-time signal as often as it was sent") {
    PendingSignals pending;
    REQUIRE(pending.add(*make(sigusr1, 1)));
    QueuedSignal* second = make(sigusr1, 2);
    CHECK_FALSE(pending.add(*second));
    PendingSignals::drop(*second);
    for (std::uint64_t n = 0; n < 3; n++) REQUIRE(pending.add(*make(40, n)));
    CHECK(pending.take(SignalSet::all()).u.sent.value == 1);
    CHECK_FALSE(pending.set().has(sigusr1));
    for (std::uint64_t n = 0; n < 3; n++) {
        CHECK(pending.set().has(40));
        CHECK(pending.take(SignalSet::all()).u.sent.value == n);
    }
    CHECK(pending.set().is_empty());
    CHECK(pending.take(SignalSet::all()).signo == 0);
}

TEST_CASE("signals of the program's own instructions are taken first, then the lowest number") {
    PendingSignals pending;
    for (int signo : std::initializer_list<int>{sigterm, sighup, sigsegv, sigill, 50})
        REQUIRE(pending.add(*make(signo)));
    std::vector<int> order;
    while (!pending.set().is_empty()) order.push_back(pending.take(SignalSet::all()).signo);
    CHECK(order == std::vector<int>{sigill, sigsegv, sighup, sigterm, 50});
}

TEST_CASE("only signals asked for are taken") {
    PendingSignals pending;
    REQUIRE(pending.add(*make(sigint)));
    CHECK(pending.take(SignalSet{sigterm}).signo == 0);
    CHECK(pending.take(SignalSet{sigterm, sigint}).signo == sigint);
}

TEST_CASE("a signal without a node says that the kernel sent it") {
    PendingSignals pending;
    pending.add(sigint);
    const SigInfo info = pending.take(SignalSet::all());
    CHECK(info.signo == sigint);
    CHECK(info.code == si_kernel);
    CHECK(pending.set().is_empty());
}

TEST_CASE("clearing forgets nodes and bits, and frees what was allocated") {
    PendingSignals pending;
    for (int signo : std::initializer_list<int>{sigtstp, sigcont, 60, 60})
        REQUIRE(pending.add(*make(signo)));
    pending.clear(stop_signals | SignalSet{60});
    CHECK(pending.set() == SignalSet{sigcont});
    CHECK(pending.take(SignalSet::all()).signo == sigcont);
}

TEST_CASE("a node that is withdrawn leaves, and takes the bit with it when it was the last") {
    PendingSignals pending;
    QueuedSignal mine;
    mine.info = SigInfo::from_timer(40, 7, 8);
    REQUIRE(pending.add(mine));
    REQUIRE(pending.add(*make(40, 9)));
    CHECK(pending.withdraw(mine));
    CHECK_FALSE(mine.is_queued());
    CHECK(pending.set().has(40));
    CHECK_FALSE(pending.withdraw(mine));
    CHECK(pending.take(SignalSet::all()).u.sent.value == 9);
    REQUIRE(pending.add(mine));
    CHECK(pending.withdraw(mine));
    CHECK(pending.set().is_empty());
}

TEST_CASE("whatever is added, taken and cleared, the set says what a simple model says") {
    std::mt19937 random(GENERATE(range(0u, 20u)));
    PendingSignals pending;
    std::map<int, std::vector<std::uint64_t>> model;
    for (std::uint64_t step = 0; step < 2000; step++) {
        const int signo = static_cast<int>(random() % 64) + 1;
        const SignalSet among(std::uint64_t{random()} << 32 | random());
        switch (random() % 4) {
        case 0:
        case 1: {
            QueuedSignal* node = make(signo, step);
            const bool added = pending.add(*node);
            CHECK(added == (is_realtime(signo) || model[signo].empty()));
            if (added)
                model[signo].push_back(step);
            else
                PendingSignals::drop(*node);
            break;
        }
        case 2: {
            const SigInfo info = pending.take(among);
            if (info.signo == 0) break;
            REQUIRE(among.has(info.signo));
            REQUIRE(!model[info.signo].empty());
            CHECK(info.u.sent.value == model[info.signo].front());
            model[info.signo].erase(model[info.signo].begin());
            break;
        }
        default:
            if (random() % 20 != 0) break;
            pending.clear(among);
            for (auto& [number, values] : model)
                if (among.has(number)) values.clear();
        }
        SignalSet expected;
        for (const auto& [number, values] : model)
            if (!values.empty()) expected.add(number);
        REQUIRE(pending.set() == expected);
    }
}
