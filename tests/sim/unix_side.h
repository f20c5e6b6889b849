// SPDX-License-Identifier: BSD-2-Clause
// Calls about AF_UNIX sockets for scripts of both_sides.h, each noted with what it gave.
#pragma once

#include "both_sides.h"

#include <csignal>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace unix_calls {

using sim::Side;

struct Name {
    sockaddr_un address{};
    socklen_t length = 0;
};

inline Name path(const char* text) {
    Name name;
    name.address.sun_family = AF_UNIX;
    std::strcpy(name.address.sun_path, text);
    name.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(text) + 1);
    return name;
}
inline Name bytes(const char* text) {
    Name name;
    name.address.sun_family = AF_UNIX;
    std::strcpy(name.address.sun_path + 1, text);
    name.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(text));
    return name;
}

inline int make(Side& s, int type) {
    return static_cast<int>(DRUPE_CALL(s, socket, AF_UNIX, type, 0));
}
inline void pair(Side& s, int type, int* fds) {
    s.note("pair", DRUPE_CALL(s, socketpair, AF_UNIX, type, 0, fds));
}
inline void bind_to(Side& s, int fd, Name name) {
    s.note("bind " + std::string(name.address.sun_path + (name.address.sun_path[0] == 0)),
           DRUPE_CALL(s, bind, fd, &name.address, name.length));
}
inline void connect_to(Side& s, int fd, Name name) {
    s.note("connect " + std::string(name.address.sun_path + (name.address.sun_path[0] == 0)),
           DRUPE_CALL(s, connect, fd, &name.address, name.length));
}
inline int accept_from(Side& s, int fd, int flags = 0) {
    const auto got = DRUPE_CALL(s, accept4, fd, nullptr, nullptr, flags);
    s.note("accept", got < 0 ? got : 0);
    return static_cast<int>(got);
}
inline void send(Side& s, int fd, const std::string& text, int flags = 0) {
    s.note("send " + std::to_string(text.size()),
           DRUPE_CALL(s, sendto, fd, text.data(), text.size(), flags, nullptr, 0));
}
inline void receive(Side& s, int fd, std::size_t most = 100, int flags = 0) {
    std::vector<char> got(most + 1, 0);
    const auto n = DRUPE_CALL(s, recvfrom, fd, got.data(), most, flags, nullptr, nullptr);
    s.note("receive", n);
    if (n > 0)
        s.note("bytes",
               std::string(got.data(), std::min<std::size_t>(most, static_cast<std::size_t>(n))));
}
inline void ready(Side& s, int fd) {
    pollfd p{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    timespec none{};
    DRUPE_CALL(s, ppoll, &p, 1, &none, nullptr, 8);
    s.note("ready", p.revents);
}
inline void option(Side& s, int fd, int which) {
    int value = -7;
    socklen_t length = sizeof value;
    s.note("option " + std::to_string(which),
           DRUPE_CALL(s, getsockopt, fd, SOL_SOCKET, which, &value, &length));
    s.note("value", value);
}
inline void set(Side& s, int fd, int which, int value) {
    s.note("set " + std::to_string(which),
           DRUPE_CALL(s, setsockopt, fd, SOL_SOCKET, which, &value, sizeof value));
}
inline void close(Side& s, int fd) { s.note("close", DRUPE_CALL(s, close, fd)); }
inline void name_of(Side& s, int fd, bool peer) {
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

inline void send_fds(Side& s, int fd, const std::vector<int>& fds, const char* text) {
    Message m;
    std::strcpy(m.data, text);
    m.vector.iov_len = std::strlen(text);
    if (!fds.empty()) m.carry(fds.data(), fds.size() * sizeof(int), SCM_RIGHTS);
    s.note("sendmsg", DRUPE_CALL(s, sendmsg, fd, &m.header, 0));
}

/// What came: the descriptors, for closing.
inline std::vector<int> receive_message(Side& s, int fd, std::size_t room = 256, int flags = 0,
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

inline constexpr int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

} // namespace unix_calls
