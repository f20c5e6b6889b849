// SPDX-License-Identifier: BSD-2-Clause
// Every option of AF_UNIX sockets, and what the seldom used ones do, beside the build machine's.
#include "unix_side.h"

#include <drupe/syscall/errno.h>

#include <algorithm>

using namespace drupe;
using namespace unix_calls;
using sim::check_both;
using sim::Side;

namespace {

enum Option : int {
    meminfo = 55,
    cookie = 57,
    netns_cookie = 71,
    buf_lock,
    passpidfd = 76,
    peerpidfd,
    passrights = 83,
    inq,
};
constexpr int last_option = 90;

/// Values that differ from one machine to the next: of them only the length is compared.
bool is_own(int option) {
    return option == SO_PEERCRED || option == cookie || option == netns_cookie ||
           option == peerpidfd;
}

std::string errno_or_number(std::int64_t result) {
    return result < 0 ? std::string(syscall::errno_name(-result)) : std::to_string(result);
}

std::string answer(Side& s, int fd, int option, int room) {
    unsigned char bytes[80];
    std::fill(std::begin(bytes), std::end(bytes), std::uint8_t{0xee});
    int length = room;
    const auto result = DRUPE_CALL(s, getsockopt, fd, SOL_SOCKET, option, bytes, &length);
    std::string text = errno_or_number(result) + "/" + std::to_string(length);
    if (result < 0) return text;
    if (option == peerpidfd && length == 4) {
        int named = -1;
        std::memcpy(&named, bytes, sizeof named);
        DRUPE_CALL(s, close, named);
    }
    constexpr char digits[] = "0123456789abcdef";
    text += ":";
    for (int i = 0; i < length && i < 40 && !is_own(option); i++) {
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

/// What is set and got, on a fresh socket each time.
void try_options(Side& s, int type, bool is_pair) {
    const auto on_fresh = [&](const auto& body) {
        int fds[2] = {-1, -1};
        if (is_pair)
            DRUPE_CALL(s, socketpair, AF_UNIX, type, 0, fds);
        else
            fds[0] = make(s, type);
        body(fds[0]);
        for (int fd : fds) DRUPE_CALL(s, close, fd);
    };
    for (int option = 0; option <= last_option; option++) {
        const std::string name = std::to_string(type) + " option " + std::to_string(option);
        for (int room : {4, 1, 0, 8, 64, -1})
            // A byte of a descriptor's number is no use, and leaves it open.
            if (option != peerpidfd || room >= 4)
                on_fresh([&](int fd) { s.note(name, answer(s, fd, option, room)); });
        for (int length : {4, 1, 0, 2, 8, 16, 64, -1})
            for (int value : {0, 1, 2, -1}) {
                // The largest size is net.core.wmem_max or rmem_max, as somebody set it.
                if ((option == SO_SNDBUF || option == SO_RCVBUF) && value < 0) continue;
                on_fresh([&](int fd) {
                    int given[16] = {value, length > 4 && value < 0 ? -1 : 0};
                    const auto set =
                        DRUPE_CALL(s, setsockopt, fd, SOL_SOCKET, option, given, length);
                    s.note(name + " := " + std::to_string(value) + "/" + std::to_string(length),
                           errno_or_number(set));
                    if (set == 0) s.note(name, answer(s, fd, option, 64));
                });
            }
    }
}

/// A descriptor that means a running process: this one.
void look_at_process(Side& s, int pidfd) {
    s.note("cloexec", DRUPE_CALL(s, fcntl, pidfd, F_GETFD, 0));
    s.note("flags", DRUPE_CALL(s, fcntl, pidfd, F_GETFL, 0));
    const int before = Side::caught[SIGUSR2];
    s.note("kill", DRUPE_CALL(s, pidfd_send_signal, pidfd, SIGUSR2, nullptr, 0));
    s.sleep(5);
    s.note("caught", Side::caught[SIGUSR2] - before);
}

/// What came, with all that came beside it.
void take(Side& s, int fd, std::size_t room = 256, std::size_t most = 64) {
    Message m;
    m.vector.iov_len = most;
    m.header.msg_control = room ? m.control : nullptr;
    m.header.msg_controllen = room;
    const auto n = DRUPE_CALL(s, recvmsg, fd, &m.header, MSG_DONTWAIT);
    s.note("took", n);
    if (n < 0) return;
    s.note("flags", m.header.msg_flags);
    s.note("control", static_cast<std::int64_t>(m.header.msg_controllen));
    for (cmsghdr* c = CMSG_FIRSTHDR(&m.header); c; c = CMSG_NXTHDR(&m.header, c)) {
        s.note("type", c->cmsg_type);
        s.note("length", static_cast<std::int64_t>(c->cmsg_len));
        int number = -1;
        if (c->cmsg_len >= CMSG_LEN(sizeof number))
            std::memcpy(&number, CMSG_DATA(c), sizeof number);
        if (c->cmsg_type == 4) {
            look_at_process(s, number);
            DRUPE_CALL(s, close, number);
        } else if (c->cmsg_type == SCM_RIGHTS) {
            DRUPE_CALL(s, close, number);
        } else if (c->cmsg_type == inq) {
            s.note("rest", number);
        } else if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(ucred))) {
            ucred who;
            std::memcpy(&who, CMSG_DATA(c), sizeof who);
            s.note("pid is 0", who.pid == 0);
            s.note("uid", std::int64_t{who.uid});
            s.note("gid", std::int64_t{who.gid});
        }
    }
}

} // namespace

TEST_CASE("every option is taken, refused and told as on Linux") {
    check_both([](Side& s) {
        int open[2]; // 0, 1 and 2 are, there
        for (int i = 0; i < 2 && s.is_here(); i++) DRUPE_CALL(s, pipe2, open, 0);
        for (int type : types)
            for (bool is_pair : {true, false}) try_options(s, type, is_pair);
        // On Linux the thread alone becomes somebody else, here all do.
        static std::vector<std::string> seen;
        seen.clear();
        s.start([](Side& other) {
            DRUPE_NOTE(other, setresuid, 4711, 4711, 4711);
            for (int type : types) try_options(other, type, true);
            seen = other.log;
        });
        s.join();
        s.log.insert(s.log.end(), seen.begin(), seen.end());
    });
}

TEST_CASE("messages name their sender only if somebody asked before, as on Linux") {
    check_both([](Side& s) {
        s.catch_signal(SIGUSR2);
        for (int type : types) {
            int fd[2];
            pair(s, type, fd);
            // Nobody asked; the receiver does, after the fact; either does before.
            send(s, fd[0], "early");
            for (int which : {static_cast<int>(SO_PASSCRED), static_cast<int>(passpidfd)})
                set(s, fd[1], which, 1);
            take(s, fd[1]);
            send(s, fd[0], "named");
            for (std::size_t room : {256, 56, 52, 48, 40, 32, 28, 16, 8, 0}) {
                send(s, fd[0], "named");
                take(s, fd[1], room);
            }
            set(s, fd[1], SO_PASSCRED, 0);
            for (std::size_t room : {256, 24, 20, 19, 16, 0}) {
                send(s, fd[0], "pidfd");
                send_fds(s, fd[0], {fd[0]}, "file");
                take(s, fd[1], room);
                take(s, fd[1], room);
            }
            set(s, fd[1], passpidfd, 0);
            set(s, fd[0], passpidfd, 1);
            send(s, fd[0], "sender asks");
            set(s, fd[0], passpidfd, 0);
            send(s, fd[0], "none");
            set(s, fd[1], SO_PASSCRED, 1);
            take(s, fd[1]);
            take(s, fd[1]);
            // Claimed.
            set(s, fd[1], SO_PASSCRED, 0);
            Message claims;
            ucred who{static_cast<pid_t>(DRUPE_CALL(s, getpid)), 0, 0};
            claims.carry(&who, sizeof who, SCM_CREDENTIALS);
            s.note("claim", DRUPE_CALL(s, sendmsg, fd[0], &claims.header, 0));
            set(s, fd[1], SO_PASSCRED, 1);
            set(s, fd[1], passpidfd, 1);
            take(s, fd[1]);
            who.pid = 4'000'000;
            std::memcpy(claims.control + sizeof(cmsghdr), &who, sizeof who);
            s.note("nobody", DRUPE_CALL(s, sendmsg, fd[0], &claims.header, 0));
            const int named = [&] {
                int got = -1;
                int length = sizeof got;
                s.note("peer",
                       DRUPE_CALL(s, getsockopt, fd[0], SOL_SOCKET, peerpidfd, &got, &length));
                return got;
            }();
            look_at_process(s, named);
            if (type != SOCK_DGRAM) {
                DRUPE_NOTE(s, shutdown, fd[0], SHUT_WR);
                take(s, fd[1]);
            }
            for (int one : {fd[0], fd[1], named}) close(s, one);
        }
    });
}

TEST_CASE("accepted sockets inherit what their listener is told, as on Linux") {
    constexpr int options[] = {SO_PASSCRED, SO_PASSSEC, passpidfd, passrights, SO_TIMESTAMP,
                               SO_SNDBUF,   SO_RCVBUF,  SO_MARK,   buf_lock};
    check_both([&](Side& s) {
        s.catch_signal(SIGUSR2);
        const int listener = make(s, SOCK_STREAM);
        bind_to(s, listener, path("inherits"));
        DRUPE_NOTE(s, listen, listener, 5);
        const auto connected = [&] {
            const int client = make(s, SOCK_STREAM);
            connect_to(s, client, path("inherits"));
            send(s, client, "early");
            return client;
        };
        const int first = connected();
        for (int which : options) set(s, listener, which, which == passrights ? 0 : 10'000);
        const int second = connected();
        for (int which : options) set(s, listener, which, which == passrights ? 1 : 0);
        for (int client : {first, second}) {
            const int server = accept_from(s, listener);
            for (int which : options) option(s, server, which);
            set(s, server, SO_PASSCRED, 1);
            set(s, server, passpidfd, 1);
            take(s, server);
            send(s, client, "late");
            take(s, server);
            send_fds(s, client, {client}, "file");
            take(s, server);
        }
    });
}

TEST_CASE("a socket that wants no files gets none, as on Linux") {
    check_both([](Side& s) {
        for (int type : types) {
            int fd[2];
            pair(s, type, fd);
            send_fds(s, fd[0], {fd[0]}, "before");
            set(s, fd[1], passrights, 0);
            send_fds(s, fd[0], {fd[0]}, "refused");
            send(s, fd[0], "bytes");
            for (int i = 0; i < 2; i++) take(s, fd[1]);
            set(s, fd[1], passrights, 1);
            send_fds(s, fd[0], {fd[0]}, "after");
            take(s, fd[1]);
        }
    });
}

TEST_CASE("a stream tells how much is left, as on Linux") {
    check_both([](Side& s) {
        int fd[2];
        pair(s, SOCK_STREAM, fd);
        set(s, fd[1], inq, 1);
        send(s, fd[0], "0123456789");
        send(s, fd[0], "abc");
        for (std::size_t most : {0, 4, 7, 1, 64}) take(s, fd[1], 256, most);
        for (std::size_t room : {20, 16, 0}) {
            send(s, fd[0], "xyz");
            take(s, fd[1], room);
        }
        DRUPE_NOTE(s, shutdown, fd[0], SHUT_WR);
        take(s, fd[1]);
        set(s, fd[1], inq, 0);
        take(s, fd[1]);
    });
}

TEST_CASE("messages tell times as SO_TIMESTAMPING wants them on Linux") {
    constexpr int receive_software = 1 << 3, software = 1 << 4, filtered = 1 << 17;
    check_both([&](Side& s) {
        if (s.is_here()) {
            timespec now{1'700'000'000, 0};
            DRUPE_CALL(s, clock_settime, CLOCK_REALTIME, &now);
        }
        for (int type : types) {
            int fd[2];
            pair(s, type, fd);
            for (int flags : {receive_software, software, receive_software | software,
                              filtered | software, filtered | software | receive_software, 1 << 15,
                              1 << 18, 1 << 19, 1 << 12, 3 << 11, 1 << 16, 1 << 16 | 1 << 7, 0})
                for (int which : {SO_TIMESTAMPING, 65})
                    for (int other : {0, SO_TIMESTAMP, SO_TIMESTAMPNS, 63, 64}) {
                        set(s, fd[1], which, flags);
                        if (other) set(s, fd[1], other, 1);
                        for (int each : {SO_TIMESTAMPING, 65, SO_TIMESTAMP, 63})
                            option(s, fd[1], each);
                        send(s, fd[0], "time");
                        take(s, fd[1]);
                        if (other) set(s, fd[1], other, 0);
                    }
        }
    });
}

TEST_CASE("options have the effects that they have on Linux") {
    check_both([](Side& s) {
        for (int type : types) {
            int fd[2];
            pair(s, type, fd);
            // Which sizes were asked for.
            for (int which : {SO_SNDBUF, SO_RCVBUF}) {
                set(s, fd[0], which, 20'000);
                option(s, fd[0], buf_lock);
            }
            set(s, fd[0], buf_lock, 0);
            set(s, fd[0], SO_SNDBUFFORCE, 30'000);
            option(s, fd[0], buf_lock);
            std::uint32_t memory[9] = {};
            int length = sizeof memory;
            s.note("memory",
                   DRUPE_CALL(s, getsockopt, fd[0], SOL_SOCKET, meminfo, memory, &length));
            for (std::uint32_t each : memory) s.note("is", each);
            send(s, fd[0], "bytes");
            length = sizeof memory;
            DRUPE_CALL(s, getsockopt, fd[0], SOL_SOCKET, meminfo, memory, &length);
            s.note("more is used", memory[2] != 0);
            // A lock stays, and holds filters.
            set(s, fd[0], SO_LOCK_FILTER, 1);
            for (int which : {SO_LOCK_FILTER, SO_DETACH_FILTER, SO_ATTACH_BPF, 52})
                set(s, fd[0], which, 0);
            set(s, fd[0], SO_LOCK_FILTER, 1);
            // A device is known by its index, also one that is not there.
            set(s, fd[0], 62, 7777);
            char name[20] = {};
            for (int room : {15, 16}) {
                length = room;
                s.note("device", DRUPE_CALL(s, getsockopt, fd[0], SOL_SOCKET, SO_BINDTODEVICE, name,
                                            &length));
            }
            s.note("device", DRUPE_CALL(s, setsockopt, fd[0], SOL_SOCKET, SO_BINDTODEVICE, "", 0));
            option(s, fd[0], 62);
            std::uint64_t cookies[3] = {};
            for (int i : {0, 1, 2}) {
                length = 8;
                DRUPE_CALL(s, getsockopt, fd[i & 1], SOL_SOCKET, cookie, &cookies[i], &length);
            }
            s.note("cookies", (cookies[0] != 0) + 2 * (cookies[0] == cookies[2]) +
                                  4 * (cookies[0] != cookies[1]));
        }
    });
}

TEST_CASE("sockets answer ioctl as on Linux") {
    constexpr unsigned bytes_in = 0x541b, bytes_out = 0x5411, unix_file = 0x89e0;
    constexpr unsigned stamp = 0x8906, stamp_ns = 0x8907, new_stamp = 0x80108906;
    check_both([](Side& s) {
        const auto ask = [&](int fd, unsigned request) {
            int answer[4] = {-7, -7, -7, -7};
            const auto result = DRUPE_CALL(s, ioctl, fd, request, answer);
            s.note("ioctl " + std::to_string(request), std::min<std::int64_t>(result, 0));
            s.note("answer", answer[0]);
            return result;
        };
        for (int type : types) {
            int fd[2];
            pair(s, type, fd);
            for (unsigned request :
                 {bytes_in, bytes_out, stamp, stamp_ns, new_stamp, unix_file, 0x89e1u, 0x5401u})
                ask(fd[0], request);
            send(s, fd[0], "twelve bytes");
            send(s, fd[0], "four");
            ask(fd[1], bytes_in);
            for (int which : {SO_TIMESTAMP, SO_TIMESTAMPNS}) {
                set(s, fd[1], which, 1);
                for (unsigned request : {stamp, stamp_ns}) ask(fd[1], request);
            }
            receive(s, fd[1], 5);
            ask(fd[1], bytes_in);
            ask(fd[1], stamp);
            s.note("fault", DRUPE_CALL(s, ioctl, fd[1], bytes_in, nullptr));
            // The node that is the name.
            const int named = make(s, type);
            const std::string name = "node" + std::to_string(type);
            bind_to(s, named, path(name.c_str()));
            const auto node = ask(named, unix_file);
            s.note("cloexec", DRUPE_CALL(s, fcntl, node, F_GETFD, 0));
            s.note("flags", DRUPE_CALL(s, fcntl, node, F_GETFL, 0));
            char byte;
            s.note("read", DRUPE_CALL(s, read, node, &byte, 1));
            if (type != SOCK_DGRAM) {
                ask(named, bytes_in);
                DRUPE_NOTE(s, listen, named, 1);
                ask(named, bytes_in);
                const int client = make(s, type);
                connect_to(s, client, path(name.c_str()));
                ask(client, unix_file);
                const int server = accept_from(s, named);
                s.note("of the listener", ask(server, unix_file) >= 0);
            }
            const int abstract = make(s, type);
            bind_to(s, abstract, bytes(("drupe-" + name).c_str()));
            ask(abstract, unix_file);
        }
    });
}
