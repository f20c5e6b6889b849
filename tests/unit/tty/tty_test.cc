// SPDX-License-Identifier: BSD-2-Clause
// A terminal with readers and writers that wait, on the simulated machine.
#include <catch2/catch.hpp>

#include <drupe/time/clock.h>
#include <drupe/tty/tty.h>
#include <sim/machine.h>

#include <cstring>
#include <string>
#include <vector>

using namespace drupe;
using tty::Termios;
using tty::Tty;

namespace {

Nanos ms(std::int64_t n) { return {n * 1'000'000}; }
std::string shown;
void show(std::string_view bytes) { shown += bytes; }

std::string read_some(Tty& tty, std::size_t most = 100, bool nonblocking = false,
                      Errc* error = nullptr) {
    std::string bytes(most, '\0');
    auto buffer = vfs::IoBuffer::kernel(bytes.data(), most);
    const auto count = tty.read(buffer, nonblocking);
    if (error) *error = count.error();
    bytes.resize(count.ok() ? count.value() : 0);
    return bytes;
}

Result<std::size_t> write_all(Tty& tty, std::string_view text, bool nonblocking = false) {
    auto buffer = vfs::IoBuffer::kernel(text.data(), text.size());
    return tty.write(buffer, nonblocking);
}

VirtAddr address(const void* p) { return VirtAddr{reinterpret_cast<std::uintptr_t>(p)}; }
template <class T>
Result<std::uint64_t> ioctl(Tty& tty, std::uint32_t request, T& argument) {
    return tty.ioctl(request, raw(address(&argument)));
}

template <class Change>
void change(Tty& tty, Change change, std::uint32_t request = 0x402c542b) {
    Termios t;
    REQUIRE(ioctl(tty, 0x802c542a, t).ok());
    change(t);
    REQUIRE(ioctl(tty, request, t).ok());
}
void make_raw(Tty& tty, std::uint8_t min, std::uint8_t time) {
    change(tty, [&](Termios& t) {
        t.lflag &= ~std::uint32_t{tty::icanon | tty::echo | tty::isig};
        t.cc[tty::vmin] = min, t.cc[tty::vtime] = time;
    });
}

// Processes as far as a terminal asks about them.
struct Jobs {
    tty::Id session = 10, group = 10;
    bool leads = true, ignores = false, orphaned = false;
    std::vector<std::pair<tty::Id, int>> signals;
} jobs;
const tty::JobControl job_control = {
    [] { return jobs.session; },
    [] { return jobs.group; },
    [] { return jobs.leads; },
    [](int) { return jobs.ignores; },
    [](tty::Id) { return jobs.orphaned; },
    [](tty::Id group, tty::Id session) { return group / 10 == session / 10; },
    [](tty::Id group, int signal) { jobs.signals.emplace_back(group, signal); },
};
using Signals = std::vector<std::pair<tty::Id, int>>;

void fresh() {
    shown.clear();
    jobs = {};
    tty::install(job_control);
}

} // namespace

TEST_CASE("a reader sleeps until a line is complete; others get would_block") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    std::string got;
    bool typed = false;
    machine.spawn("reader", [&] {
        Errc error;
        read_some(tty, 100, true, &error);
        CHECK(error == Errc::would_block);
        got = read_some(tty);
        CHECK(typed);
    });
    machine.spawn("keys", [&] {
        tty.receive("he");
        machine.user(ms(5));
        typed = true;
        tty.receive("y\r");
    });
    CHECK(machine.run());
    CHECK(got == "hey\n");
    CHECK(shown == "hey\r\n");
}

TEST_CASE("a line is read in pieces, and an end of file reads as nothing once") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    machine.spawn("t", [&] {
        tty.receive("abcdef\n\x04z\n");
        CHECK(read_some(tty, 4) == "abcd");
        CHECK(read_some(tty, 4) == "ef\n");
        CHECK(read_some(tty).empty());
        CHECK(read_some(tty) == "z\n");
        tty.receive(std::string(600, 'x') + "\n"); // longer than what is moved at once
        CHECK(read_some(tty, 1000).size() == 601);
    });
    CHECK(machine.run());
}

TEST_CASE("raw reads obey VMIN and VTIME") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    machine.spawn("reader", [&] {
        make_raw(tty, 0, 0); // whatever there is
        CHECK(read_some(tty).empty());
        make_raw(tty, 0, 3); // a timer for the read
        Nanos before = time::now();
        CHECK(read_some(tty).empty());
        CHECK(time::now() - before >= ms(300));
        CHECK(time::now() - before < ms(310));
        make_raw(tty, 3, 0); // that many
        CHECK(read_some(tty) == "abc");
        make_raw(tty, 3, 0);
        CHECK(read_some(tty, 2) == "de"); // or as many as fit
        make_raw(tty, 10, 2);             // a timer between bytes, from the first on
        CHECK(read_some(tty) == "fg");
    });
    machine.spawn("keys", [&] {
        machine.user(ms(1000));
        for (char c : std::string("abcde")) {
            machine.user(ms(1000));
            tty.receive({&c, 1});
        }
        machine.user(ms(1000));
        tty.receive("f");
        machine.user(ms(150));
        tty.receive("g");
        machine.user(ms(250));
        tty.receive("h");
    });
    CHECK(machine.run());
}

TEST_CASE("a reader of a line that switches to raw mode gets the bytes typed so far") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    std::string got;
    machine.spawn("reader", [&] { got = read_some(tty); });
    machine.spawn("other", [&] {
        tty.receive("part");
        machine.user(ms(1));
        make_raw(tty, 1, 0);
    });
    CHECK(machine.run());
    CHECK(got == "part");
}

TEST_CASE("a writer waits while output is stopped") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    machine.spawn("writer", [&] {
        CHECK(write_all(tty, "a\n").value() == 2);
        tty.receive("\x13");
        CHECK(tty.poll(nullptr) == 0);
        CHECK(write_all(tty, "b", true).error() == Errc::would_block);
        CHECK(write_all(tty, "c").value() == 1);
    });
    machine.spawn("keys", [&] {
        machine.user(ms(1));
        CHECK(shown == "a\r\n");
        tty.receive("\x11");
    });
    CHECK(machine.run());
    CHECK(shown == "a\r\nc");
}

TEST_CASE("poll tells what read would do") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    machine.spawn("t", [&] {
        const std::uint32_t out = vfs::poll_out | vfs::poll_wrnorm;
        const std::uint32_t in = vfs::poll_in | vfs::poll_rdnorm;
        CHECK(tty.poll(nullptr) == out);
        tty.receive("a");
        CHECK(tty.poll(nullptr) == out);
        tty.receive("\n");
        CHECK(tty.poll(nullptr) == (in | out));
        read_some(tty);
        make_raw(tty, 3, 0);
        tty.receive("ab");
        CHECK(tty.poll(nullptr) == out);
        tty.receive("c");
        CHECK(tty.poll(nullptr) == (in | out));
    });
    CHECK(machine.run());
}

TEST_CASE("signal keys reach the foreground group, a new window size too, but only a new one") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    machine.spawn("t", [&] {
        tty.receive("\x03");
        CHECK(jobs.signals.empty()); // nobody's terminal
        tty.give_to(10, 12);
        tty.receive("\x03\x1c");
        tty.receive("\x1a");
        CHECK(jobs.signals == Signals{{12, 2}, {12, 3}, {12, 20}});
        jobs.signals.clear();
        tty::WindowSize size{24, 80, 0, 0};
        REQUIRE(ioctl(tty, 0x5414, size).ok());
        REQUIRE(ioctl(tty, 0x5414, size).ok());
        CHECK(jobs.signals == Signals{{12, 28}});
        tty::WindowSize back;
        REQUIRE(ioctl(tty, 0x5413, back).ok());
        CHECK(back == size);
    });
    CHECK(machine.run());
}

TEST_CASE("a background group is stopped when it reads or changes the terminal") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    machine.spawn("t", [&] {
        tty.give_to(10, 10);
        jobs.group = 12;
        Errc error;
        read_some(tty, 10, true, &error);
        CHECK(error == Errc::restart);
        CHECK(jobs.signals == Signals{{12, 21}});
        Termios t;
        REQUIRE(ioctl(tty, 0x5401, t).ok());
        CHECK(ioctl(tty, 0x5402, t).error() == Errc::restart);
        CHECK(jobs.signals.back() == std::pair<tty::Id, int>{12, 22});
        CHECK(write_all(tty, "x").ok()); // without TOSTOP anybody may write
        jobs.ignores = true;
        read_some(tty, 10, true, &error);
        CHECK(error == Errc::io);
        change(
            tty, [](Termios& s) { s.lflag |= tty::tostop; }, 0x402c542b);
        CHECK(write_all(tty, "x").ok());
        jobs.ignores = false;
        CHECK(write_all(tty, "x").error() == Errc::restart);
        jobs.orphaned = true;
        CHECK(write_all(tty, "x").error() == Errc::io);
        jobs.session = 50; // no terminal of ours
        CHECK(write_all(tty, "x").ok());
    });
    CHECK(machine.run());
}

TEST_CASE("a session leader takes a free terminal and gives it up") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    machine.spawn("t", [&] {
        std::int32_t id = 0;
        CHECK(ioctl(tty, 0x540f, id).error() == Errc::not_terminal); // TIOCGPGRP
        jobs.leads = false;
        CHECK(tty.ioctl(0x540e, 0).error() == Errc::not_permitted); // TIOCSCTTY
        jobs.leads = true;
        REQUIRE(tty.ioctl(0x540e, 0).ok());
        REQUIRE(ioctl(tty, 0x540f, id).ok());
        CHECK(id == 10);
        REQUIRE(ioctl(tty, 0x5429, id).ok()); // TIOCGSID
        CHECK(id == 10);
        id = 15;
        REQUIRE(ioctl(tty, 0x5410, id).ok()); // TIOCSPGRP
        jobs.group = 15;
        id = 77;
        CHECK(ioctl(tty, 0x5410, id).error() == Errc::not_permitted);
        id = -1;
        CHECK(ioctl(tty, 0x5410, id).error() == Errc::invalid);
        jobs.session = 20;
        CHECK(tty.ioctl(0x540e, 0).error() == Errc::not_permitted); // another's
        CHECK(tty.ioctl(0x5422, 0).error() == Errc::not_terminal);  // TIOCNOTTY
        jobs.session = 10;
        REQUIRE(tty.ioctl(0x5422, 0).ok());
        CHECK(jobs.signals == Signals{{15, 1}, {15, 18}});
        CHECK(tty.session() == 0);
    });
    CHECK(machine.run());
}

TEST_CASE("requests answer as programs expect") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    machine.spawn("t", [&] {
        struct {
            Termios t;
            char guard = 'g';
        } old;
        old.t.ispeed = 0x55555555;
        REQUIRE(ioctl(tty, 0x5401, old).ok());
        CHECK(old.t.ispeed == 0x55555555); // the short form stops before the speeds
        CHECK(old.t.lflag == 0x8a3b);
        CHECK(old.t.iflag == 0x500);
        CHECK(old.t.cflag == 0x4bf);
        int n = -1;
        tty.receive("ab\n");
        REQUIRE(ioctl(tty, 0x541b, n).ok());
        CHECK(n == 3);
        CHECK(tty.ioctl(0x540b, 3).error() == Errc::invalid);
        REQUIRE(tty.ioctl(0x540b, 0).ok()); // TCFLSH
        REQUIRE(ioctl(tty, 0x541b, n).ok());
        CHECK(n == 0);
        tty.receive("typed ahead\n");
        change(
            tty, [](Termios&) {}, 0x402c542d); // TCSETSF2
        REQUIRE(ioctl(tty, 0x541b, n).ok());
        CHECK(n == 0);
        n = 0;
        CHECK(ioctl(tty, 0x5423, n).ok()); // TIOCSETD N_TTY
        n = 5;
        CHECK(ioctl(tty, 0x5423, n).error() == Errc::invalid);
        CHECK(ioctl(tty, 0x5424, n).ok());
        CHECK(n == 0);
        REQUIRE(tty.ioctl(0x540a, 0).ok()); // TCXONC: stop
        CHECK(write_all(tty, "x", true).error() == Errc::would_block);
        REQUIRE(tty.ioctl(0x540a, 1).ok());
        CHECK(write_all(tty, "x", true).ok());
        CHECK(tty.ioctl(0x540a, 4).error() == Errc::invalid);
        CHECK(tty.ioctl(0x5409, 1).ok());
        CHECK(tty.ioctl(0x1234, 0).error() == Errc::not_terminal);
    });
    CHECK(machine.run());
}

namespace {
std::string waiting; // in the device
std::size_t take_waiting(std::span<char> to) {
    const std::size_t n = std::min(to.size(), waiting.size());
    std::memcpy(to.data(), waiting.data(), n);
    waiting.erase(0, n);
    return n;
}
} // namespace

TEST_CASE("input that has no room stays with the device and is fetched later") {
    fresh();
    sim::Machine machine;
    Tty tty(show);
    tty::InputPump pump;
    pump.attach(take_waiting, tty);
    machine.spawn("t", [&] {
        make_raw(tty, 1, 0);
        std::string sent;
        for (int i = 0; i < 2000; i++) sent += std::to_string(i) + ",";
        waiting = sent;
        std::string got;
        pump.carry();
        CHECK_FALSE(waiting.empty());
        while (got.size() < sent.size()) {
            const std::string piece = read_some(tty, 777);
            REQUIRE_FALSE(piece.empty());
            got += piece;
            pump.carry();
        }
        CHECK(got == sent);
    });
    CHECK(machine.run());
}
