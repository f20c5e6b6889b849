// SPDX-License-Identifier: BSD-2-Clause
// AF_UNIX sockets, beside the build machine's own.
#include "both_sides.h"

#include <csignal>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

using namespace drupe;
using sim::check_both;
using sim::Side;

namespace {

struct Name {
    sockaddr_un address{};
    socklen_t length = 0;
};

Name path(const char* text) {
    Name name;
    name.address.sun_family = AF_UNIX;
    std::strcpy(name.address.sun_path, text);
    name.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(text) + 1);
    return name;
}
Name bytes(const char* text) {
    Name name;
    name.address.sun_family = AF_UNIX;
    std::strcpy(name.address.sun_path + 1, text);
    name.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(text));
    return name;
}

int make(Side& s, int type) { return static_cast<int>(DRUPE_CALL(s, socket, AF_UNIX, type, 0)); }
void pair(Side& s, int type, int* fds) {
    s.note("pair", DRUPE_CALL(s, socketpair, AF_UNIX, type, 0, fds));
}
void bind_to(Side& s, int fd, Name name) {
    s.note("bind " + std::string(name.address.sun_path + (name.address.sun_path[0] == 0)),
           DRUPE_CALL(s, bind, fd, &name.address, name.length));
}
void connect_to(Side& s, int fd, Name name) {
    s.note("connect " + std::string(name.address.sun_path + (name.address.sun_path[0] == 0)),
           DRUPE_CALL(s, connect, fd, &name.address, name.length));
}
int accept_from(Side& s, int fd, int flags = 0) {
    const auto got = DRUPE_CALL(s, accept4, fd, nullptr, nullptr, flags);
    s.note("accept", got < 0 ? got : 0);
    return static_cast<int>(got);
}
void send(Side& s, int fd, const std::string& text, int flags = 0) {
    s.note("send " + std::to_string(text.size()),
           DRUPE_CALL(s, sendto, fd, text.data(), text.size(), flags, nullptr, 0));
}
void receive(Side& s, int fd, std::size_t most = 100, int flags = 0) {
    std::vector<char> got(most + 1, 0);
    const auto n = DRUPE_CALL(s, recvfrom, fd, got.data(), most, flags, nullptr, nullptr);
    s.note("receive", n);
    if (n > 0)
        s.note("bytes",
               std::string(got.data(), std::min<std::size_t>(most, static_cast<std::size_t>(n))));
}
void ready(Side& s, int fd) {
    pollfd p{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    timespec none{};
    DRUPE_CALL(s, ppoll, &p, 1, &none, nullptr, 8);
    s.note("ready", p.revents);
}
void option(Side& s, int fd, int which) {
    int value = -7;
    socklen_t length = sizeof value;
    s.note("option " + std::to_string(which),
           DRUPE_CALL(s, getsockopt, fd, SOL_SOCKET, which, &value, &length));
    s.note("value", value);
}
void set(Side& s, int fd, int which, int value) {
    s.note("set " + std::to_string(which),
           DRUPE_CALL(s, setsockopt, fd, SOL_SOCKET, which, &value, sizeof value));
}
void close(Side& s, int fd) { s.note("close", DRUPE_CALL(s, close, fd)); }
void name_of(Side& s, int fd, bool peer) {
    sockaddr_un got{};
    socklen_t length = sizeof got;
    const auto result = peer ? DRUPE_CALL(s, getpeername, fd, &got, &length)
                             : DRUPE_CALL(s, getsockname, fd, &got, &length);
    s.note(peer ? "peer" : "own", result);
    s.note("name", std::string(got.sun_path + (got.sun_path[0] == 0)) + "/" +
                       std::to_string(length) + "/" + std::to_string(got.sun_family));
}

/// A message with descriptors and room for such.
struct Message {
    msghdr header{};
    iovec vector{};
    char data[64] = {};
    alignas(8) char control[256] = {};
    Message() {
        vector = {data, sizeof data};
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
    }
    void carry(const void* what, std::size_t size, int type) {
        auto* at = reinterpret_cast<cmsghdr*>(control + header.msg_controllen);
        at->cmsg_level = SOL_SOCKET;
        at->cmsg_type = type;
        at->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(at), what, size);
        header.msg_control = control;
        header.msg_controllen += CMSG_SPACE(size);
    }
};

void send_fds(Side& s, int fd, const std::vector<int>& fds, const char* text) {
    Message m;
    std::strcpy(m.data, text);
    m.vector.iov_len = std::strlen(text);
    if (!fds.empty()) m.carry(fds.data(), fds.size() * sizeof(int), SCM_RIGHTS);
    s.note("sendmsg", DRUPE_CALL(s, sendmsg, fd, &m.header, 0));
}

/// What came: the descriptors, for closing.
std::vector<int> receive_message(Side& s, int fd, std::size_t room = 256, int flags = 0,
                                 std::size_t most = 64) {
    Message m;
    m.vector.iov_len = most;
    m.header.msg_control = room ? m.control : nullptr;
    m.header.msg_controllen = room;
    const auto n = DRUPE_CALL(s, recvmsg, fd, &m.header, flags);
    s.note("recvmsg", n);
    std::vector<int> got;
    if (n < 0) return got;
    s.note("text", std::string(m.data, std::min<std::size_t>(most, static_cast<std::size_t>(n))));
    s.note("flags", m.header.msg_flags);
    s.note("control", static_cast<std::int64_t>(m.header.msg_controllen));
    for (cmsghdr* c = CMSG_FIRSTHDR(&m.header); c; c = CMSG_NXTHDR(&m.header, c)) {
        s.note("type", c->cmsg_type);
        s.note("length", static_cast<std::int64_t>(c->cmsg_len));
        if (c->cmsg_type == SCM_RIGHTS) {
            for (std::size_t i = 0; i < (c->cmsg_len - sizeof *c) / sizeof(int); i++) {
                int one = 0;
                std::memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
                got.push_back(one);
                s.note("cloexec", DRUPE_CALL(s, fcntl, one, F_GETFD, 0));
            }
        } else if (c->cmsg_len == CMSG_LEN(sizeof(ucred))) {
            ucred who;
            std::memcpy(&who, CMSG_DATA(c), sizeof who);
            const auto pid = DRUPE_CALL(s, getpid);
            s.note("who", std::to_string(who.pid == pid) + " " + std::to_string(who.pid == 0) +
                              " " + std::to_string(who.uid) + " " + std::to_string(who.gid));
        }
    }
    return got;
}

constexpr int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

} // namespace

TEST_CASE("sockets are made and refused as on Linux") {
    check_both([](Side& s) {
        // Families that Linux has and this kernel has not are left out.
        for (int family : {-1, 0, AF_UNIX, 46, 99})
            for (int type :
                 {-1, 0, 1, 2, 3, 4, 5, 6, 11, 1 | SOCK_NONBLOCK, 2 | SOCK_CLOEXEC, 0x101})
                for (int protocol : {0, 1, 2}) {
                    const auto fd = DRUPE_CALL(s, socket, family, type, protocol);
                    s.note(std::to_string(family) + " " + std::to_string(type) + " " +
                               std::to_string(protocol),
                           fd < 0 ? fd : 0);
                    if (fd < 0) continue;
                    s.note("flags", DRUPE_CALL(s, fcntl, static_cast<int>(fd), F_GETFL, 0) & 04003);
                    s.note("cloexec", DRUPE_CALL(s, fcntl, static_cast<int>(fd), F_GETFD, 0));
                    DRUPE_CALL(s, close, static_cast<int>(fd));
                }
        DRUPE_NOTE(s, socketpair, AF_UNIX, SOCK_STREAM, 0, nullptr);
        for (int type : types) {
            const int fd = make(s, type);
            ready(s, fd);
            char byte = 0;
            DRUPE_NOTE(s, read, fd, &byte, 0);
            if (type != SOCK_DGRAM) DRUPE_NOTE(s, read, fd, &byte, 1);
            DRUPE_NOTE(s, write, fd, &byte, 1);
            DRUPE_NOTE(s, lseek, fd, 0, 0);
            DRUPE_NOTE(s, pread64, fd, &byte, 1, 0);
            DRUPE_NOTE(s, listen, fd, 1);
            accept_from(s, fd);
            name_of(s, fd, false);
            name_of(s, fd, true);
            DRUPE_NOTE(s, shutdown, fd, 3);
            DRUPE_NOTE(s, shutdown, fd, 0);
            for (int which = 1; which < 22; which++)
                if (which != SO_NO_CHECK && which != SO_BSDCOMPAT) option(s, fd, which);
            for (int which : {SO_TIMESTAMP, SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN, 1000})
                option(s, fd, which);
            close(s, fd);
        }
    });
}

TEST_CASE("names are given, found and taken back as on Linux") {
    check_both([](Side& s) {
        DRUPE_CALL(s, umask, 022);
        const int a = make(s, SOCK_STREAM), b = make(s, SOCK_STREAM), d = make(s, SOCK_DGRAM);
        bind_to(s, a, path("one"));
        bind_to(s, a, path("two"));
        bind_to(s, a, bytes("three"));
        bind_to(s, b, path("one"));
        bind_to(s, b, path("nowhere/x"));
        bind_to(s, b, bytes("drupe-test"));
        const int c = make(s, SOCK_STREAM);
        bind_to(s, c, bytes("drupe-test"));
        bind_to(s, d, bytes("drupe-test")); // names of other types are apart
        name_of(s, a, false);
        name_of(s, b, false);
        struct stat st {};
        s.note("mode", DRUPE_CALL(s, newfstatat, AT_FDCWD, "one", &st, 0));
        DRUPE_NOTE(s, openat, AT_FDCWD, "one", O_RDWR, 0);
        connect_to(s, c, path("one"));
        DRUPE_NOTE(s, listen, a, 5);
        connect_to(s, c, path("one"));
        connect_to(s, c, path("one"));
        name_of(s, c, true);
        const int e = accept_from(s, a);
        name_of(s, e, false);
        name_of(s, e, true);
        connect_to(s, d, path("one"));
        connect_to(s, make(s, SOCK_STREAM), path("gone"));
        const int file =
            static_cast<int>(DRUPE_CALL(s, openat, AT_FDCWD, "file", O_CREAT | O_RDWR, 0644));
        close(s, file);
        connect_to(s, make(s, SOCK_STREAM), path("file"));
        bind_to(s, make(s, SOCK_STREAM), path("file"));
        Name empty = path("");
        empty.length = 2;
        const int f = make(s, SOCK_STREAM);
        connect_to(s, f, empty);
        bind_to(s, f, empty);
        sockaddr_un got{};
        socklen_t length = sizeof got;
        DRUPE_NOTE(s, getsockname, f, &got, &length);
        s.note("length", length);
        for (socklen_t wrong : {socklen_t{0}, socklen_t{1}, socklen_t{111}, socklen_t{200}}) {
            Name name = path("x");
            name.length = wrong;
            bind_to(s, make(s, SOCK_STREAM), name);
            connect_to(s, make(s, SOCK_DGRAM), name);
        }
        DRUPE_NOTE(s, unlinkat, AT_FDCWD, "one", 0);
        connect_to(s, make(s, SOCK_STREAM), path("one"));
        bind_to(s, make(s, SOCK_STREAM), path("one"));
        close(s, b);
        bind_to(s, make(s, SOCK_STREAM), bytes("drupe-test"));
    });
}

TEST_CASE("pairs of each type carry bytes, boundaries and ends as on Linux") {
    check_both([](Side& s) {
        s.note("ignore", 0);
        for (int type : types) {
            int fd[2];
            pair(s, type | SOCK_NONBLOCK, fd);
            name_of(s, fd[0], true);
            ready(s, fd[0]);
            receive(s, fd[0]);
            send(s, fd[0], "hello");
            send(s, fd[0], "world!");
            int queued = 0;
            DRUPE_NOTE(s, ioctl, fd[1], 0x541b, &queued);
            s.note("queued", queued);
            ready(s, fd[1]);
            receive(s, fd[1], 3, MSG_PEEK);
            receive(s, fd[1], 100, MSG_PEEK);
            receive(s, fd[1], 3, MSG_TRUNC);
            receive(s, fd[1], 3);
            receive(s, fd[1], 100);
            receive(s, fd[1], 100);
            send(s, fd[1], "");
            ready(s, fd[0]);
            receive(s, fd[0], 10);
            // Out-of-band bytes of streams are missing here.
            if (type != SOCK_STREAM) send(s, fd[0], "x", MSG_OOB | MSG_DONTWAIT);
            // Half closed: what was sent arrives, then the end.
            send(s, fd[0], "last");
            DRUPE_NOTE(s, shutdown, fd[0], SHUT_WR);
            send(s, fd[0], "more", MSG_NOSIGNAL);
            ready(s, fd[0]);
            ready(s, fd[1]);
            receive(s, fd[1]);
            receive(s, fd[1]);
            send(s, fd[1], "back");
            receive(s, fd[0]);
            DRUPE_NOTE(s, shutdown, fd[0], SHUT_RD);
            send(s, fd[1], "more", MSG_NOSIGNAL);
            receive(s, fd[0]);
            close(s, fd[0]);
            ready(s, fd[1]);
            receive(s, fd[1]);
            send(s, fd[1], "more", MSG_NOSIGNAL);
            option(s, fd[1], SO_ERROR);
            close(s, fd[1]);
        }
    });
}

TEST_CASE("a socket closed with bytes unread resets the other side as on Linux") {
    check_both([](Side& s) {
        for (int type : types)
            for (bool reads_error : {false, true}) {
                int fd[2];
                pair(s, type | SOCK_NONBLOCK, fd);
                send(s, fd[0], "unread");
                send(s, fd[1], "waiting");
                close(s, fd[1]);
                ready(s, fd[0]);
                if (reads_error) option(s, fd[0], SO_ERROR);
                receive(s, fd[0]);
                receive(s, fd[0]);
                receive(s, fd[0]);
                send(s, fd[0], "x", MSG_NOSIGNAL);
                send(s, fd[0], "x", MSG_NOSIGNAL);
                ready(s, fd[0]);
                close(s, fd[0]);
            }
    });
}

TEST_CASE("connections wait in the listener's queue as on Linux") {
    check_both([](Side& s) {
        for (int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
            const int listener = make(s, type | SOCK_NONBLOCK);
            bind_to(s, listener, bytes("drupe-queue"));
            connect_to(s, make(s, type), bytes("drupe-queue"));
            DRUPE_NOTE(s, listen, listener, 1);
            option(s, listener, SO_ACCEPTCONN);
            ready(s, listener);
            accept_from(s, listener);
            int clients[4];
            for (int& client : clients) {
                client = make(s, type | SOCK_NONBLOCK);
                connect_to(s, client, bytes("drupe-queue"));
                ready(s, client);
            }
            send(s, clients[0], "early");
            receive(s, clients[0]);
            ready(s, listener);
            char byte;
            DRUPE_NOTE(s, read, listener, &byte, 1);
            DRUPE_NOTE(s, write, listener, &byte, 1);
            const int first = accept_from(s, listener, SOCK_NONBLOCK);
            receive(s, first);
            send(s, first, "answer");
            receive(s, clients[0]);
            ucred who{};
            socklen_t length = sizeof who;
            for (int fd : {first, clients[0], listener}) {
                DRUPE_NOTE(s, getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &who, &length);
                s.note("own", who.pid == DRUPE_CALL(s, getpid));
                s.note("uid", who.uid);
            }
            connect_to(s, clients[2], bytes("drupe-queue"));
            // A client that left is accepted, and then gone.
            send(s, clients[1], "farewell");
            close(s, clients[1]);
            const int second = accept_from(s, listener);
            receive(s, second);
            receive(s, second);
            close(s, listener);
            ready(s, clients[2]);
            receive(s, clients[2]);
            receive(s, clients[2]);
            connect_to(s, clients[3], bytes("drupe-queue"));
        }
    });
}

TEST_CASE("datagrams go to names, and a full queue holds senders up as on Linux") {
    check_both([](Side& s) {
        const int server = make(s, SOCK_DGRAM | SOCK_NONBLOCK);
        bind_to(s, server, path("server"));
        const int client = make(s, SOCK_DGRAM | SOCK_NONBLOCK);
        Name to = path("server");
        const auto send_to = [&](int fd, Name name) {
            s.note("sendto", DRUPE_CALL(s, sendto, fd, "data", 4, 0, &name.address, name.length));
        };
        send_to(client, to);
        sockaddr_un from{};
        socklen_t length = sizeof from;
        char text[8] = {};
        DRUPE_NOTE(s, recvfrom, server, text, 8, 0, &from, &length);
        s.note("from", length);
        bind_to(s, client, path("client"));
        send_to(client, to);
        length = sizeof from;
        DRUPE_NOTE(s, recvfrom, server, text, 8, 0, &from, &length);
        s.note("from " + std::string(from.sun_path), length);
        send_to(client, path("missing"));
        send(s, client, "nobody");
        int sent = 0;
        while (DRUPE_CALL(s, sendto, client, "data", 4, 0, &to.address, to.length) == 4) sent++;
        s.note("sent", sent);
        connect_to(s, client, to);
        ready(s, client);
        receive(s, server);
        ready(s, client);
        send(s, client, "more");
        ready(s, client);
        // A connected server hears its peer only.
        connect_to(s, server, path("client"));
        const int other = make(s, SOCK_DGRAM | SOCK_NONBLOCK);
        send_to(other, to);
        connect_to(s, other, to);
        Name none{};
        none.address.sun_family = AF_UNSPEC;
        none.length = 2;
        connect_to(s, server, none);
        connect_to(s, other, to);
        close(s, server);
        ready(s, client);
        send(s, client, "gone");
        send(s, client, "gone");
        name_of(s, client, true);
        std::string large(300'000, 'x');
        int fds[2];
        pair(s, SOCK_DGRAM | SOCK_NONBLOCK, fds);
        send(s, fds[0], large);
        set(s, fds[0], SO_SNDBUF, 50'000); // whatever the administrator allows
        option(s, fds[0], SO_SNDBUF);
        send(s, fds[0], large);
        set(s, fds[0], SO_SNDBUF, 1);
        option(s, fds[0], SO_SNDBUF);
    });
}

TEST_CASE("descriptors and credentials travel as on Linux") {
    check_both([](Side& s) {
        for (int type : types) {
            int fd[2], pipe[2];
            pair(s, type | SOCK_NONBLOCK, fd);
            DRUPE_CALL(s, pipe2, pipe, 0);
            send_fds(s, fd[0], {pipe[0], pipe[1]}, "two");
            send(s, fd[0], "plain");
            send_fds(s, fd[0], {pipe[1]}, "one");
            for (int got : receive_message(s, fd[1], 256, MSG_PEEK)) DRUPE_CALL(s, close, got);
            const std::vector<int> got = receive_message(s, fd[1], 256, MSG_CMSG_CLOEXEC);
            if (got.size() == 2) {
                char byte = 'q', back = 0;
                DRUPE_NOTE(s, write, pipe[1], &byte, 1);
                s.note("read", DRUPE_CALL(s, read, got[0], &back, 1));
                s.note("byte", back);
            }
            for (int one : got) DRUPE_CALL(s, close, one);
            // The next read ends with the descriptor's bytes.
            for (int one : receive_message(s, fd[1])) DRUPE_CALL(s, close, one);
            receive_message(s, fd[1]);
            // Room for one of two, for none, no room at all; thrown away by a plain read.
            for (std::size_t room :
                 {std::size_t{20}, std::size_t{16}, std::size_t{8}, std::size_t{0}}) {
                send_fds(s, fd[0], {pipe[0], pipe[1]}, "cut");
                for (int one : receive_message(s, fd[1], room)) DRUPE_CALL(s, close, one);
            }
            send_fds(s, fd[0], {pipe[0]}, "lost");
            receive(s, fd[1]);
            send_fds(s, fd[0], {999}, "bad");
            send_fds(s, fd[0], std::vector<int>(30, pipe[0]), "many");
            for (int one : receive_message(s, fd[1], 256, 0, 2)) DRUPE_CALL(s, close, one);
            receive_message(s, fd[1]);
            Message wrong;
            int number = 1;
            wrong.carry(&number, sizeof number, 77);
            s.note("unknown", DRUPE_CALL(s, sendmsg, fd[0], &wrong.header, 0));
            wrong.header.msg_controllen = 0;
            wrong.carry(&number, sizeof number, SCM_RIGHTS);
            reinterpret_cast<cmsghdr*>(wrong.control)->cmsg_len = 300;
            s.note("too long", DRUPE_CALL(s, sendmsg, fd[0], &wrong.header, 0));
            set(s, fd[1], SO_PASSCRED, 1);
            send(s, fd[0], "who");
            receive_message(s, fd[1]);
            Message claims;
            ucred who{static_cast<pid_t>(DRUPE_CALL(s, getpid)), 0, 0};
            claims.carry(&who, sizeof who, SCM_CREDENTIALS);
            s.note("claim", DRUPE_CALL(s, sendmsg, fd[0], &claims.header, 0));
            send_fds(s, fd[0], {pipe[0]}, "both");
            receive_message(s, fd[1], 256, 0, 30);
            receive_message(s, fd[1], 256, 0, 64);
            for (int one : receive_message(s, fd[1], 40)) DRUPE_CALL(s, close, one);
            for (int one : {fd[0], fd[1], pipe[0], pipe[1]}) DRUPE_CALL(s, close, one);
        }
    });
}

TEST_CASE("those who wait on sockets are woken as on Linux") {
    check_both([](Side& s) {
        for (int type : types) {
            int fd[2];
            pair(s, type, fd);
            const int to = fd[0], from = fd[1];
            const auto later = [to](Side& other) {
                other.sleep(20);
                DRUPE_CALL(other, sendto, to, "late", 4, 0, nullptr, 0);
            };
            s.start(later);
            receive(s, from);
            s.start([to](Side& other) {
                for (int i = 0; i < 3; i++) {
                    other.sleep(10);
                    DRUPE_CALL(other, sendto, to, "abc", 3, 0, nullptr, 0);
                }
            });
            receive(s, from, 9, MSG_WAITALL);
            s.join();
            while (DRUPE_CALL(s, recvfrom, from, nullptr, 0, MSG_DONTWAIT, nullptr, nullptr) == 0 &&
                   type != SOCK_STREAM) {}
            timeval t{0, 20'000};
            s.note("timeout",
                   DRUPE_CALL(s, setsockopt, from, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
            receive(s, from);
            // Somebody waits when the end comes.
            t = {};
            DRUPE_CALL(s, setsockopt, from, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
            s.start([to](Side& other) {
                other.sleep(20);
                DRUPE_CALL(other, shutdown, to, SHUT_RDWR);
                DRUPE_CALL(other, sendto, to, "x", 1, MSG_NOSIGNAL, nullptr, 0);
            });
            if (type != SOCK_DGRAM) receive(s, from);
            s.join();
            close(s, fd[0]);
            close(s, fd[1]);
        }
        // A writer that is held up goes on as the reader reads.
        int fd[2];
        pair(s, SOCK_STREAM, fd);
        const int from = fd[1];
        static std::atomic<std::size_t> read_bytes;
        read_bytes = 0;
        s.start([from](Side& other) {
            static char bytes[65'536];
            for (;;) {
                const auto n = DRUPE_CALL(other, read, from, bytes, sizeof bytes);
                if (n <= 0) break;
                read_bytes += static_cast<std::size_t>(n);
                other.sleep(1);
            }
        });
        const std::string much(2'000'000, 'm');
        send(s, fd[0], much);
        close(s, fd[0]);
        s.join();
        s.note("read", static_cast<std::int64_t>(read_bytes.load()));
        // accept and connect wait for each other.
        const int listener = make(s, SOCK_STREAM);
        bind_to(s, listener, bytes("drupe-wait"));
        DRUPE_NOTE(s, listen, listener, 0);
        s.start([](Side& other) {
            for (int i = 0; i < 3; i++) {
                Name name = bytes("drupe-wait");
                const int client = make(other, SOCK_STREAM);
                DRUPE_CALL(other, connect, client, &name.address, name.length);
                DRUPE_CALL(other, write, client, "hi", 2);
            }
        });
        for (int i = 0; i < 3; i++) {
            s.sleep(10);
            const int server = accept_from(s, listener);
            receive(s, server);
        }
    });
}

TEST_CASE("sockets that only their own messages hold are let go") {
    check_both([](Side& s) {
        // The write end of a pipe tells whether what was in the messages is gone.
        for (int round = 0; round < 3; round++) {
            int a[2], b[2], pipe[2];
            pair(s, SOCK_STREAM, a);
            pair(s, SOCK_DGRAM, b);
            DRUPE_CALL(s, pipe2, pipe, O_NONBLOCK);
            send_fds(s, a[0], {a[1], b[0]}, "each");
            send_fds(s, b[1], {a[0], a[1], b[1], pipe[1]}, "other");
            if (round == 1) send_fds(s, a[1], {b[0], b[1], a[0]}, "again");
            DRUPE_CALL(s, close, pipe[1]);
            char byte;
            DRUPE_NOTE(s, read, pipe[0], &byte, 1);
            for (int fd : {a[0], a[1], b[0]}) DRUPE_CALL(s, close, fd);
            if (round != 2) DRUPE_CALL(s, close, b[1]);
            s.sleep(50); // Linux collects in a thread of its own
            int other[2];
            pair(s, SOCK_STREAM, other);
            for (int fd : other) DRUPE_CALL(s, close, fd);
            s.sleep(50);
            s.note("gone", DRUPE_CALL(s, read, pipe[0], &byte, 1));
        }
    });
}
