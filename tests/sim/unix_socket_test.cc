// SPDX-License-Identifier: BSD-2-Clause
// AF_UNIX sockets: names, connections, bytes, beside the build machine's own.
#include "unix_side.h"

using namespace drupe;
using namespace unix_calls;
using sim::check_both;
using sim::Side;

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
            for (int which = 1; which < 22; which++) option(s, fd, which);
            for (int which : {SO_TIMESTAMP, SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN, SO_PEERNAME,
                              SO_INCOMING_NAPI_ID, 1000})
                option(s, fd, which);
            for (int which : {SO_NO_CHECK, SO_BSDCOMPAT, SO_RXQ_OVFL, SO_WIFI_STATUS, SO_NOFCS,
                              SO_SELECT_ERR_QUEUE, SO_PRIORITY})
                for (int value : {1, 0}) {
                    set(s, fd, which, value);
                    option(s, fd, which);
                }
            close(s, fd);
        }
    });
}

TEST_CASE("an option tells the peer's name as on Linux") {
    check_both([](Side& s) {
        const int listener = make(s, SOCK_STREAM), caller = make(s, SOCK_STREAM);
        bind_to(s, listener, path("listener"));
        DRUPE_NOTE(s, listen, listener, 1);
        for (const bool is_connected : {false, true}) {
            if (is_connected) connect_to(s, caller, path("listener"));
            for (socklen_t room : {0, 2, 11, 12, 110}) {
                sockaddr_un name{};
                DRUPE_NOTE(s, getsockopt, caller, SOL_SOCKET, SO_PEERNAME, &name, &room);
                s.note("room", room);
                s.note("family", name.sun_family);
                s.note("name", std::string(name.sun_path, strnlen(name.sun_path, 108)));
            }
        }
        close(s, caller);
        close(s, listener);
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
