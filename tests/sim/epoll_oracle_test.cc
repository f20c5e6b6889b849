// SPDX-License-Identifier: BSD-2-Clause
// Random sequences of epoll calls over pipes, event files and sockets, each done twice: by this
// kernel's system calls and by the build machine's Linux. What is ready, in which order and how
// often, must agree: that is what edge-triggered programs build on.
#include "files_once.h"
#include "process_programs.h"

#include <drupe/base/scope_exit.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/syscall/errno.h>
#include <drupe/syscall/handlers.h>
#include <drupe/vfs/epoll.h>
#include <drupe/vfs/fd_table.h>

#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <random>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace drupe;
namespace sys = drupe::syscall;
using sim::at;
using sim::Program;
using sim::Word;

namespace {

std::int64_t value(Result<Word> r) {
    return r.ok() ? static_cast<std::int64_t>(r.value()) : sys::to_return_value(r.error());
}
std::int64_t theirs(long result) { return result < 0 ? -errno : result; }

/// The same descriptor on both sides.
struct Both {
    int ours, theirs;
};

class Machines {
public:
    explicit Machines(std::uint64_t seed) : random_(seed) {
        ::signal(SIGPIPE, SIG_IGN);
        for (int i = 0; i < 2; i++) epolls_.push_back(make_epoll());
        for (int i = 0; i < 2; i++) make_pipe();
        for (int flags : {int{EFD_NONBLOCK}, EFD_NONBLOCK | EFD_SEMAPHORE}) make_event_file(flags);
        for (int type : socket_types) {
            files_.resize(files_.size() + 2);
            make_sockets(files_.size() - 2, type);
        }
    }
    ~Machines() {
        for (const Both& f : epolls_) ::close(f.theirs);
        for (const Both& f : files_) ::close(f.theirs);
    }
    void step();
    std::string history;

private:
    static Both agreed(std::int64_t mine, std::int64_t real) {
        REQUIRE(mine >= 0);
        REQUIRE(real >= 0);
        return {static_cast<int>(mine), static_cast<int>(real)};
    }
    Both make_epoll() { return agreed(value(sys::epoll_create1(0)), theirs(::epoll_create1(0))); }
    void make_pipe() {
        int mine[2], real[2];
        REQUIRE(value(sys::pipe2(at(mine), O_NONBLOCK)) == 0);
        REQUIRE(::pipe2(real, O_NONBLOCK) == 0);
        for (int end : {0, 1}) files_.push_back({mine[end], real[end]});
    }
    /// A connected pair, at `first` and behind it.
    void make_sockets(std::size_t first, int type) {
        int mine[2], real[2];
        REQUIRE(value(sys::socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, at(mine))) == 0);
        REQUIRE(::socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, real) == 0);
        for (std::size_t end : {0, 1}) files_[first + end] = {mine[end], real[end]};
    }
    void make_event_file(int flags) {
        files_.push_back(agreed(value(sys::eventfd2(0, flags)), theirs(::eventfd(0, flags))));
    }

    std::size_t pick(std::size_t n) { return random_() % n; }
    Both& file() { return files_[pick(files_.size())]; }
    /// A watched file: now and then the second epoll, in the first.
    Both watched() { return pick(10) == 0 ? epolls_[1] : file(); }
    std::string name(const Both& f) { return std::to_string(f.theirs); }
    void agree(const std::string& what, std::int64_t mine, std::int64_t real) {
        history += what + " = " + std::to_string(real) + "\n";
        if (mine == real) return;
        INFO(history);
        INFO(what << ": here " << mine << ", on Linux " << real);
        REQUIRE(mine == real);
    }
    void control();
    void move_bytes();
    void move_messages(const Both& socket, bool is_stream);
    void reopen();
    void reopen_sockets();
    void close_both(const Both& f) {
        agree("close(" + name(f) + ")", value(sys::close(f.ours)), theirs(::close(f.theirs)));
    }
    static constexpr std::size_t first_socket =
        6; // of files_, behind two pipes and two event files
    static constexpr int socket_types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    void collect();

    std::mt19937_64 random_;
    std::vector<Both> epolls_, files_;
};

void Machines::control() {
    static constexpr std::uint32_t asked[] = {
        EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, 0, EPOLLIN | EPOLLRDHUP, EPOLLPRI};
    std::uint32_t events = asked[pick(std::size(asked))];
    if (pick(2)) events |= EPOLLET;
    if (pick(5) == 0) events |= EPOLLONESHOT;
    if (pick(8) == 0) events |= EPOLLEXCLUSIVE;
    const Both& epoll = epolls_[pick(2)];
    const Both target = watched();
    const int operation = static_cast<int>(1 + pick(3));
    const std::uint64_t data = random_() % 100;
    vfs::EpollEvent mine{events, 0, data};
    ::epoll_event real{};
    real.events = events;
    real.data.u64 = data;
    const auto here = value(sys::epoll_ctl(epoll.ours, operation, target.ours, at(&mine)));
    agree("epoll_ctl(" + name(epoll) + ", " + std::to_string(operation) + ", " + name(target) +
              ", " + std::to_string(events) + ", " + std::to_string(data) + ")",
          here, theirs(::epoll_ctl(epoll.theirs, operation, target.theirs, &real)));
}

void Machines::move_bytes() {
    static char bytes[70000], back[70000];
    // Whole pages: Linux counts the pages of a pipe, this kernel its bytes.
    static constexpr std::size_t sizes[] = {4096, 4096, 8192, 28672, 65536};
    const std::size_t which = pick(files_.size());
    const Both& f = files_[which];
    if (which >= first_socket) return move_messages(f, which < first_socket + 2);
    const bool is_pipe = which < 4;
    const std::size_t n = is_pipe ? sizes[pick(std::size(sizes))] : 8;
    // Event files take counts; small ones, so that they do not fill.
    const std::uint64_t count = pick(3);
    std::memcpy(bytes, &count, sizeof count);
    if (pick(2) == 0) {
        const auto here = value(sys::write(f.ours, at(bytes), n));
        agree("write(" + name(f) + ", " + std::to_string(n) + ")", here,
              theirs(::write(f.theirs, bytes, n)));
    } else {
        const auto here = value(sys::read(f.ours, at(back), n));
        agree("read(" + name(f) + ", " + std::to_string(n) + ")", here,
              theirs(::read(f.theirs, back, n)));
    }
}

/// Never so much that a socket is full: how much that is, is each kernel's own.
void Machines::move_messages(const Both& socket, bool is_stream) {
    static char bytes[300], back[300];
    const std::size_t n = pick(8) == 0 ? 0 : 1 + pick(200);
    const int urgent = is_stream && pick(6) == 0 ? MSG_OOB : 0;
    const std::string text =
        "(" + name(socket) + ", " + std::to_string(n) + ", " + std::to_string(urgent) + ")";
    const int how = static_cast<int>(pick(3));
    switch (pick(16)) {
    case 0:
        if (pick(3) != 0) return;
        agree("shutdown(" + name(socket) + ", " + std::to_string(how) + ")",
              value(sys::shutdown(socket.ours, how)), theirs(::shutdown(socket.theirs, how)));
        return;
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7: {
        const auto flags = static_cast<std::uint32_t>(urgent | MSG_NOSIGNAL);
        const auto here = value(sys::sendto(socket.ours, at(bytes), n, flags, VirtAddr{}, 0));
        agree("send" + text, here,
              theirs(::sendto(socket.theirs, bytes, n, static_cast<int>(flags), nullptr, 0)));
        return;
    }
    default: {
        const auto here = value(sys::recvfrom(
            socket.ours, at(back), n, static_cast<std::uint32_t>(urgent), VirtAddr{}, VirtAddr{}));
        agree("receive" + text, here,
              theirs(::recvfrom(socket.theirs, back, n, urgent, nullptr, nullptr)));
    }
    }
}

/// The same as reopen(), for sockets: what they do to each other as they go differs with the type.
void Machines::reopen_sockets() {
    const std::size_t type = pick(std::size(socket_types));
    const std::size_t first = first_socket + 2 * type, one = pick(2);
    close_both(files_[first + one]);
    for (int i = 0; i < 3; i++) collect();
    move_messages(files_[first + 1 - one], type == 0);
    collect();
    close_both(files_[first + 1 - one]);
    make_sockets(first, socket_types[type]);
}

/// Closes one end of a pipe, or both, and makes another pipe in its place.
void Machines::reopen() {
    const std::size_t pipe = 2 * pick(2);
    const std::size_t first = pipe + pick(2);
    close_both(files_[first]);
    collect();
    collect();
    close_both(files_[pipe + (first == pipe ? 1 : 0)]);
    int mine[2], real[2];
    REQUIRE(value(sys::pipe2(at(mine), O_NONBLOCK)) == 0);
    REQUIRE(::pipe2(real, O_NONBLOCK) == 0);
    for (std::size_t end : {0, 1}) files_[pipe + end] = {mine[end], real[end]};
}

void Machines::collect() {
    const Both& epoll = epolls_[pick(2)];
    const int most = static_cast<int>(1 + pick(8));
    vfs::EpollEvent mine[8];
    ::epoll_event real[8];
    const auto here = value(sys::epoll_pwait(epoll.ours, at(mine), most, 0, VirtAddr{}, 8));
    const auto there = theirs(::epoll_wait(epoll.theirs, real, most, 0));
    std::string told, tells;
    for (int i = 0; i < here; i++)
        told += std::to_string(mine[i].data) + ":" + std::to_string(mine[i].events) + " ";
    for (int i = 0; i < there; i++)
        tells += std::to_string(real[i].data.u64) + ":" + std::to_string(real[i].events) + " ";
    agree("epoll_wait(" + name(epoll) + ", " + std::to_string(most) + ") -> " + tells, here, there);
    INFO(history);
    REQUIRE(told == tells);
}

void Machines::step() {
    switch (pick(12)) {
    case 0:
    case 1: return control();
    case 2:
        if (pick(3) != 0) return control();
        return pick(2) == 0 ? reopen() : reopen_sockets();
    case 3:
    case 4:
    case 5:
    case 6:
    case 7: return move_bytes();
    default: return collect();
    }
}

/// Runs `body` in a program with a root of its own.
void in_a_program(const std::function<void(Program&)>& body) {
    sim::Programs programs;
    REQUIRE(sim::init_files());
    programs.start([&](Program& p) {
        auto fs = ramfs::create({}).value();
        ScopeExit gone{[&] { fs->detach(); }};
        auto& who = process::current_context();
        who.fs->set_root(fs->root());
        who.fs->set_cwd(fs->root());
        body(p);
        who.files->close_all();
    });
    CHECK(programs.run());
}

} // namespace

TEST_CASE("epoll tells what Linux tells, when Linux tells it") {
    const auto seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{120}));
    in_a_program([=](Program&) {
        Machines machines(seed);
        INFO("seed " << seed);
        for (int i = 0; i < 400; i++) machines.step();
    });
}

namespace {

constexpr int crowd = 4;

/// How many of `crowd` threads, each waiting in an epoll of its own for one event file, are told of
/// one event. The second event file ends the others.
int told_on_linux(std::uint32_t flags) {
    const int event = ::eventfd(0, 0), quit = ::eventfd(0, 0);
    std::atomic<int> told{0}, waiting{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < crowd; i++)
        threads.emplace_back([&] {
            const int epoll = ::epoll_create1(0);
            ::epoll_event want{};
            want.events = EPOLLIN | flags;
            want.data.fd = event;
            ::epoll_ctl(epoll, EPOLL_CTL_ADD, event, &want);
            want.events = EPOLLIN;
            want.data.fd = quit;
            ::epoll_ctl(epoll, EPOLL_CTL_ADD, quit, &want);
            waiting++;
            ::epoll_event got[2];
            const int n = ::epoll_wait(epoll, got, 2, -1);
            for (int k = 0; k < n; k++)
                if (got[k].data.fd == event) told++;
            ::close(epoll);
        });
    while (waiting != crowd) std::this_thread::yield();
    ::usleep(100'000); // until all of them sleep; too short, and more are told than should be
    ::eventfd_write(event, 1);
    while (told == 0) std::this_thread::yield();
    ::usleep(100'000); // for those who should not come
    ::eventfd_write(quit, 1);
    for (std::thread& t : threads) t.join();
    ::close(event);
    ::close(quit);
    return told;
}

int told_here(std::uint32_t flags) {
    int told = 0;
    in_a_program([&](Program& p) {
        const int event = static_cast<int>(value(sys::eventfd2(0, 0)));
        const int quit = static_cast<int>(value(sys::eventfd2(0, 0)));
        int left = crowd;
        for (int i = 0; i < crowd; i++)
            REQUIRE(sim::clone(p, sim::thread_flags, [&](Program& q) {
                        const int epoll = static_cast<int>(value(sys::epoll_create1(0)));
                        vfs::EpollEvent want{EPOLLIN | flags, 0, 1}, got[2];
                        REQUIRE(value(sys::epoll_ctl(epoll, 1, event, at(&want))) == 0);
                        want = {EPOLLIN, 0, 2};
                        REQUIRE(value(sys::epoll_ctl(epoll, 1, quit, at(&want))) == 0);
                        const std::int64_t n = q.call(
                            [&] { return sys::epoll_pwait(epoll, at(got), 2, -1, VirtAddr{}, 8); });
                        for (int k = 0; k < n; k++)
                            if (got[k].data == 1) told++;
                        left--;
                    }) > 0);
        const std::uint64_t one = 1;
        p.compute(1'000'000);
        REQUIRE(p.call([&] { return sys::write(event, at(&one), 8); }) == 8);
        p.compute(1'000'000);
        REQUIRE(p.call([&] { return sys::write(quit, at(&one), 8); }) == 8);
        while (left > 0) p.call([] { return sys::sched_yield(); });
    });
    return told;
}

} // namespace

TEST_CASE("an event wakes one of the epolls that share it exclusively, and all the others") {
    CHECK(told_here(EPOLLEXCLUSIVE) == told_on_linux(EPOLLEXCLUSIVE));
    CHECK(told_here(EPOLLEXCLUSIVE) == 1);
    CHECK(told_here(0) == crowd);
}

namespace {

/// epoll_pwait with a timeout: what it returns when nothing comes, when something was there, and
/// when something comes while it waits.
std::vector<std::int64_t> waits_on_linux() {
    std::vector<std::int64_t> results;
    const int event = ::eventfd(0, 0), epoll = ::epoll_create1(0);
    ::epoll_event want{}, got[1];
    want.events = EPOLLIN;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, event, &want);
    results.push_back(theirs(::epoll_pwait(epoll, got, 1, 20, nullptr)));
    std::thread writer([&] {
        ::usleep(20'000);
        ::eventfd_write(event, 1);
    });
    results.push_back(theirs(::epoll_pwait(epoll, got, 1, 600'000, nullptr)));
    writer.join();
    results.push_back(theirs(::epoll_pwait(epoll, got, 1, 600'000, nullptr)));
    results.push_back(theirs(::epoll_pwait(epoll, got, 0, 20, nullptr)));
    ::close(epoll);
    ::close(event);
    return results;
}

std::vector<std::int64_t> waits_here() {
    std::vector<std::int64_t> results;
    in_a_program([&](Program& p) {
        const int event = static_cast<int>(value(sys::eventfd2(0, 0)));
        const int epoll = static_cast<int>(value(sys::epoll_create1(0)));
        vfs::EpollEvent want{EPOLLIN, 0, 1}, got[1];
        REQUIRE(value(sys::epoll_ctl(epoll, 1, event, at(&want))) == 0);
        const auto wait = [&](int most, int timeout) {
            results.push_back(p.call(
                [&] { return sys::epoll_pwait(epoll, at(got), most, timeout, VirtAddr{}, 8); }));
        };
        const Nanos begun = time::now();
        wait(1, 20);
        CHECK((time::now() - begun).ns >= 20'000'000); // the simulated clock's
        REQUIRE(sim::clone(p, sim::thread_flags, [&](Program& q) {
                    const std::uint64_t one = 1;
                    q.compute(20'000'000);
                    REQUIRE(q.call([&] { return sys::write(event, at(&one), 8); }) == 8);
                }) > 0);
        wait(1, 600'000);
        wait(1, 600'000);
        CHECK((time::now() - begun).ns < 1'000'000'000);
        wait(0, 20);
    });
    return results;
}

} // namespace

TEST_CASE("a wait with a timeout ends as on Linux") { CHECK(waits_here() == waits_on_linux()); }
