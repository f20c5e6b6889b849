// SPDX-License-Identifier: BSD-2-Clause
// Urgent bytes of AF_UNIX streams, and where MSG_PEEK looks, beside the build machine's own.
#include "unix_side.h"

#include <drupe/vfs/epoll.h>

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <random>

using namespace drupe;
using namespace unix_calls;
using sim::check_both;
using sim::Side;

namespace {

void at_mark(Side& s, int fd) {
    int answer = -1;
    s.note("mark", DRUPE_CALL(s, ioctl, fd, SIOCATMARK, &answer));
    s.note("is", answer);
}
void look(Side& s, int fd) {
    pollfd p{fd, POLLIN | POLLPRI | POLLRDHUP | POLLRDBAND, 0};
    timespec none{};
    DRUPE_CALL(s, ppoll, &p, 1, &none, nullptr, 8);
    s.note("ready", p.revents);
    at_mark(s, fd);
}
void receive_flags(Side& s, int fd, int flags, std::size_t most = 100) {
    Message m;
    m.vector.iov_len = std::min(most, sizeof m.data);
    const auto n = DRUPE_CALL(s, recvmsg, fd, &m.header, flags);
    s.note("recvmsg " + std::to_string(flags), n);
    if (n < 0) return;
    s.note("text", std::string(m.data, static_cast<std::size_t>(n)));
    s.note("flags", m.header.msg_flags);
}

} // namespace

TEST_CASE("urgent bytes are found, missed and refused as on Linux") {
    check_both([](Side& s) {
        for (int type : types) {
            int fd[2];
            pair(s, type | SOCK_NONBLOCK, fd);
            look(s, fd[1]);
            receive(s, fd[1], 1, MSG_OOB);
            send(s, fd[0], "", MSG_OOB);
            send(s, fd[0], "abc", MSG_OOB);
            look(s, fd[1]);
            receive(s, fd[1], 1, MSG_OOB | MSG_PEEK);
            receive_flags(s, fd[1], MSG_OOB);
            receive(s, fd[1], 1, MSG_OOB);
            look(s, fd[1]);
            receive(s, fd[1]);
            look(s, fd[1]);
            receive(s, fd[1]);
            look(s, fd[1]);
            close(s, fd[0]);
            close(s, fd[1]);
        }
        const int alone = make(s, SOCK_STREAM);
        receive(s, alone, 1, MSG_OOB);
        send(s, alone, "x", MSG_OOB | MSG_NOSIGNAL);
        send(s, alone, "", MSG_OOB | MSG_NOSIGNAL);
    });
}

TEST_CASE("random streams with urgent bytes are read as on Linux") {
    const auto script = [](unsigned seed) {
        return [seed](Side& s) {
            std::mt19937 random(seed);
            const auto below = [&](unsigned n) { return random() % n; };
            int fd[2];
            pair(s, SOCK_STREAM | SOCK_NONBLOCK, fd);
            char next = 'a';
            if (below(2)) set(s, fd[1], SO_PEEK_OFF, static_cast<int>(below(4)));
            for (int step = 0; step < 40; step++) {
                std::string text;
                for (unsigned n = below(4) + 1; n > 0; n--) {
                    text += next;
                    next = next == 'z' ? 'a' : static_cast<char>(next + 1);
                }
                switch (below(9)) {
                case 0:
                case 1: send(s, fd[0], text); break;
                case 2:
                case 3: send(s, fd[0], text, MSG_OOB); break;
                case 4: receive(s, fd[1], below(5) + 1); break;
                case 5: receive(s, fd[1], below(5) + 1, MSG_PEEK); break;
                case 6: receive(s, fd[1], 1, below(2) ? MSG_OOB : MSG_OOB | MSG_PEEK); break;
                case 7: set(s, fd[1], SO_OOBINLINE, static_cast<int>(below(2))); break;
                default: look(s, fd[1]);
                }
                option(s, fd[1], SO_PEEK_OFF);
            }
            send(s, fd[0], "end");
            for (int i = 0; i < 12; i++) receive(s, fd[1], 7);
            look(s, fd[1]);
            close(s, fd[0]);
            close(s, fd[1]);
        };
    };
    for (unsigned seed = 0; seed < 60; seed++) {
        CAPTURE(seed);
        check_both(script(seed));
    }
}

TEST_CASE("an urgent byte wakes and signals as on Linux") {
    check_both([](Side& s) {
        int fd[2];
        pair(s, SOCK_STREAM, fd);
        s.catch_signal(SIGURG, SA_RESTART);
        DRUPE_NOTE(s, fcntl, fd[1], F_GETOWN, 0);
        DRUPE_NOTE(s, fcntl, fd[1], F_SETOWN, 3'999'999);
        DRUPE_NOTE(s, fcntl, fd[1], F_SETOWN, -3'999'999);
        DRUPE_NOTE(s, fcntl, fd[1], F_SETOWN, INT32_MIN);
        send(s, fd[0], "a", MSG_OOB);
        s.note("urged", Side::caught[SIGURG]);
        s.note("own", DRUPE_CALL(s, fcntl, fd[1], F_SETOWN, DRUPE_CALL(s, getpid)));
        s.note("own", DRUPE_CALL(s, fcntl, fd[1], F_GETOWN, 0) == DRUPE_CALL(s, getpid));
        send(s, fd[0], "b", MSG_OOB);
        send(s, fd[0], "c");
        s.note("urged", Side::caught[SIGURG]);
        struct {
            int type, id;
        } owner{0, static_cast<int>(DRUPE_CALL(s, gettid))};
        DRUPE_NOTE(s, fcntl, fd[1], F_SETOWN_EX, &owner);
        send(s, fd[0], "d", MSG_OOB);
        s.note("urged", Side::caught[SIGURG]);
        DRUPE_NOTE(s, fcntl, fd[1], F_GETOWN_EX, &owner);
        s.note("type", owner.type);
        owner.type = 3;
        DRUPE_NOTE(s, fcntl, fd[1], F_SETOWN_EX, &owner);
        receive(s, fd[1]);
        receive(s, fd[1], 1, MSG_OOB);
        // Those who wait for it alone.
        DRUPE_NOTE(s, fcntl, fd[1], F_SETOWN, 0);
        const int to = fd[0];
        for (int rest : {0, 1}) {
            s.start([to, rest](Side& other) {
                other.sleep(30);
                DRUPE_CALL(other, sendto, to, "ordinary", 8, 0, nullptr, 0);
                other.sleep(30);
                DRUPE_CALL(other, sendto, to, "!?", 1 + rest, MSG_OOB, nullptr, 0);
            });
            if (rest == 0) {
                pollfd p{fd[1], POLLPRI, 0};
                s.note("poll", DRUPE_CALL(s, ppoll, &p, 1, nullptr, nullptr, 8));
                s.note("ready", p.revents);
            } else {
                const int epoll = static_cast<int>(DRUPE_CALL(s, epoll_create1, 0));
                // Of arm64's size, which holds x86's; both begin with the events.
                vfs::EpollEvent e{EPOLLPRI | EPOLLET, 0, 0};
                DRUPE_NOTE(s, epoll_ctl, epoll, EPOLL_CTL_ADD, fd[1], &e);
                s.note("epoll", DRUPE_CALL(s, epoll_pwait, epoll, &e, 1, 2000, nullptr, 8));
                s.note("events", e.events);
            }
            receive(s, fd[1], 1, MSG_OOB);
            receive(s, fd[1], 20, MSG_DONTWAIT);
            receive(s, fd[1], 20, MSG_DONTWAIT);
            s.join();
        }
        // A reader that waits passes the byte over; one that wants all stops in front of it.
        s.start([to](Side& other) {
            other.sleep(30);
            DRUPE_CALL(other, sendto, to, "!", 1, MSG_OOB, nullptr, 0);
            other.sleep(30);
            DRUPE_CALL(other, sendto, to, "ab", 2, 0, nullptr, 0);
            other.sleep(30);
            DRUPE_CALL(other, sendto, to, "cd", 2, MSG_OOB, nullptr, 0);
        });
        receive(s, fd[1], 10, MSG_WAITALL);
        receive(s, fd[1], 1, MSG_OOB);
        s.join();
        send(s, fd[0], "e", MSG_OOB);
        s.start([to](Side& other) {
            other.sleep(30);
            DRUPE_CALL(other, sendto, to, "f", 1, 0, nullptr, 0);
        });
        receive(s, fd[1], 10, MSG_PEEK);
        s.join();
    });
}

TEST_CASE("peeks at an offset go on as on Linux") {
    check_both([](Side& s) {
        for (int type : types) {
            int fd[2];
            pair(s, type | SOCK_NONBLOCK, fd);
            option(s, fd[1], SO_PEEK_OFF);
            for (const char* text : {"abc", "defg", "", "hi"})
                if (*text || type != SOCK_STREAM) send(s, fd[0], text);
            receive(s, fd[1], 2, MSG_PEEK);
            receive(s, fd[1], 20, MSG_PEEK | MSG_WAITALL);
            for (int from : {0, 1, 5, 7, 9, 30, -3}) {
                set(s, fd[1], SO_PEEK_OFF, from);
                for (int i = 0; i < 6; i++) {
                    receive(s, fd[1], 2, MSG_PEEK);
                    receive(s, fd[1], 3, MSG_PEEK | MSG_TRUNC);
                    option(s, fd[1], SO_PEEK_OFF);
                }
            }
            set(s, fd[1], SO_PEEK_OFF, 4);
            receive(s, fd[1], 2);
            option(s, fd[1], SO_PEEK_OFF);
            receive(s, fd[1], 20, MSG_PEEK);
            receive(s, fd[1], 20, MSG_PEEK);
            char bytes[100];
            while (DRUPE_CALL(s, recvfrom, fd[1], bytes, sizeof bytes, 0, nullptr, nullptr) >= 0) {}
            set(s, fd[1], SO_PEEK_OFF, 0);
            // One that waits for what lies behind the offset.
            const int to = fd[0];
            DRUPE_CALL(s, fcntl, fd[1], F_SETFL, 0);
            s.start([to](Side& other) {
                for (const char* text : {"one", "two"}) {
                    other.sleep(30);
                    DRUPE_CALL(other, sendto, to, text, 3, 0, nullptr, 0);
                }
            });
            receive(s, fd[1], 20, MSG_PEEK);
            if (type != SOCK_STREAM) receive(s, fd[1], 20, MSG_PEEK);
            s.join();
            receive(s, fd[1], 20, MSG_PEEK | MSG_DONTWAIT);
            close(s, fd[0]);
            close(s, fd[1]);
        }
    });
}

TEST_CASE("options about the other side answer as on Linux") {
    check_both([](Side& s) {
        const std::uint32_t groups[] = {7, 8, 900'000};
        const auto ask = [&](int fd, std::uint32_t room) {
            std::uint32_t got[4] = {};
            s.note("groups", DRUPE_CALL(s, getsockopt, fd, SOL_SOCKET, SO_PEERGROUPS, got, &room));
            s.note("room", room);
            for (std::uint32_t one : got) s.note("group", one);
        };
        s.note("set", DRUPE_CALL(s, setgroups, 3, groups));
        int fd[2];
        pair(s, SOCK_STREAM, fd);
        s.note("set", DRUPE_CALL(s, setgroups, 1, groups));
        for (std::uint32_t room : {16u, 12u, 11u, 0u}) ask(fd[0], room);
        const int listener = make(s, SOCK_STREAM);
        ask(listener, 16);
        bind_to(s, listener, path("groups"));
        DRUPE_NOTE(s, listen, listener, 2);
        s.note("set", DRUPE_CALL(s, setgroups, 2, groups));
        const int client = make(s, SOCK_STREAM);
        connect_to(s, client, path("groups"));
        s.note("set", DRUPE_CALL(s, setgroups, 0, groups));
        const int server = accept_from(s, listener);
        for (int each : {listener, client, server}) ask(each, 16);
        for (int which : {SO_PASSSEC, SO_PEERSEC, SO_PEEK_OFF}) option(s, client, which);
        set(s, client, SO_PASSSEC, 1);
        set(s, client, SO_PEERSEC, 1);
        set(s, client, SO_PEERGROUPS, 1);
        option(s, client, SO_PASSSEC);
        send(s, server, "text");
        receive_message(s, client);
    });
}

TEST_CASE("descriptors under way are limited as on Linux") {
    check_both([](Side& s) {
        int fd[2];
        pair(s, SOCK_DGRAM, fd);
        static int a, b;
        a = fd[0];
        b = fd[1];
        rlimit before{};
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_NOFILE, nullptr, &before);
        const rlimit few{20, before.rlim_max};
        s.note("limit", DRUPE_CALL(s, prlimit64, 0, RLIMIT_NOFILE, &few, nullptr));
        for (int i = 0; i < 14; i++) send_fds(s, a, {a, b}, "root");
        // On Linux the thread alone becomes somebody else, here all do.
        static std::vector<std::string> seen;
        seen.clear();
        s.start([](Side& other) {
            DRUPE_NOTE(other, setresuid, 4711, 4711, 4711);
            for (int i = 0; i < 12; i++) send_fds(other, a, {a, b}, "two");
            receive(other, b);
            send_fds(other, a, {}, "none");
            send_fds(other, a, {a, b}, "last");
            for (int i = 0; i < 14; i++) receive(other, b);
            send_fds(other, a, {a, b}, "again");
            receive(other, b);
            send_fds(other, a, {a, b}, "again");
            receive(other, b);
            send_fds(other, a, {a, b}, "again");
            seen = other.log;
        });
        s.join();
        for (const std::string& each : seen) s.log.push_back(each);
        DRUPE_CALL(s, prlimit64, 0, RLIMIT_NOFILE, &before, nullptr);
    });
}
