// SPDX-License-Identifier: BSD-2-Clause
// What AF_UNIX messages carry beside bytes, and who wakes for them, beside the build machine's own.
#include "unix_side.h"

using namespace drupe;
using namespace unix_calls;
using sim::check_both;
using sim::Side;

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

TEST_CASE("messages tell when they were sent as on Linux") {
    check_both([](Side& s) {
        if (s.is_here()) {
            timespec now{1'700'000'000, 0};
            DRUPE_CALL(s, clock_settime, CLOCK_REALTIME, &now);
        }
        constexpr int options[] = {29, 35, 63, 64}; // SO_TIMESTAMP, SO_TIMESTAMPNS, the new ones
        for (int type : types) {
            int fds[2];
            pair(s, type, fds);
            for (int on : options) {
                set(s, fds[1], on, 1);
                for (int other : options) option(s, fds[1], other);
                timespec before{}, after{};
                DRUPE_CALL(s, clock_gettime, CLOCK_REALTIME, &before);
                send(s, fds[0], "text");
                Message m;
                m.header.msg_control = m.control;
                m.header.msg_controllen = sizeof m.control;
                s.note("recvmsg", DRUPE_CALL(s, recvmsg, fds[1], &m.header, 0));
                DRUPE_CALL(s, clock_gettime, CLOCK_REALTIME, &after);
                s.note("control", static_cast<std::int64_t>(m.header.msg_controllen));
                const cmsghdr* c = CMSG_FIRSTHDR(&m.header);
                if (!c) continue;
                s.note("type", c->cmsg_type);
                s.note("length", static_cast<std::int64_t>(c->cmsg_len));
                timespec told{};
                std::memcpy(&told, CMSG_DATA(c), sizeof told);
                s.note("in time", told.tv_sec >= before.tv_sec && told.tv_sec <= after.tv_sec);
            }
            set(s, fds[1], 29, 0);
            for (int other : options) option(s, fds[1], other);
            send(s, fds[0], "text");
            receive_message(s, fds[1]);
            close(s, fds[0]);
            close(s, fds[1]);
        }
    });
}
