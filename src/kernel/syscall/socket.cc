// SPDX-License-Identifier: BSD-2-Clause
// Sockets: made, named, connected. A family this kernel does not have is refused as by a Linux that
// was built without it: programs that only try whether there is a network go on.
#include "socket_call.h"

#include <drupe/net/netlink.h>
#include <drupe/net/unix.h>

namespace drupe::syscall {

using namespace vfs;

namespace {

constexpr std::uint32_t type_mask = 0xf; // SOCK_TYPE_MASK; the rest are O_CLOEXEC and O_NONBLOCK
constexpr std::uint32_t flag_mask = open_cloexec | open_nonblock;

/// Sockets of the first protocol (NETLINK_ROUTE): the C library hears through one that a message
/// came (mq_notify). What they ask about the network is refused.
Result<net::SocketType> check_netlink(std::uint32_t type, int protocol) {
    constexpr std::uint32_t type_datagram = 2, type_raw = 3;
    if (type != type_datagram && type != type_raw) return Errc::socket_type;
    if (protocol != 0) return Errc::protocol;
    return net::SocketType::datagram;
}

/// Family, type and protocol as a type of socket that there is.
Result<net::SocketType> check_kind(int family, std::uint32_t type, int protocol) {
    constexpr int families = 46, types = 11; // AF_MAX, SOCK_MAX
    if (type & ~(type_mask | flag_mask)) return Errc::invalid;
    if (family < 0 || family >= families) return Errc::address_family;
    if ((type & type_mask) >= types) return Errc::invalid;
    if (family == net::family_netlink) return check_netlink(type & type_mask, protocol);
    if (family != net::family_unix) return Errc::address_family;
    if (protocol != 0 && protocol != net::family_unix) return Errc::protocol;
    switch (type & type_mask) {
    case 1: return net::SocketType::stream;
    case 2:
    case 3: return net::SocketType::datagram; // raw means the same here
    case 5: return net::SocketType::sequential;
    default: return Errc::socket_type;
    }
}

Result<Word> install(RefPtr<net::Socket> socket, std::uint32_t flags) {
    TaskContext& who = caller();
    return Word{TRY(
        who.files->install(std::move(socket), (flags & open_cloexec) != 0, who.max_descriptors))};
}

} // namespace

Result<Word> socket(int family, int type, int protocol) {
    const auto flags = static_cast<std::uint32_t>(type);
    const net::SocketType kind = TRY(check_kind(family, flags, protocol));
    const std::uint32_t kept = flags & open_nonblock;
    if (family == net::family_netlink) return install(TRY(net::create_netlink_socket(kept)), flags);
    return install(TRY(net::create_unix_socket(kind, kept)), flags);
}

Result<Word> socketpair(int family, int type, int protocol, VirtAddr at) {
    const auto flags = static_cast<std::uint32_t>(type);
    const net::SocketType kind = TRY(check_kind(family, flags, protocol));
    if (family == net::family_netlink) return Errc::not_supported;
    net::SocketPair pair = TRY(net::create_unix_pair(kind, flags & open_nonblock));
    TaskContext& who = caller();
    const auto first = TRY(install(std::move(pair.first), flags));
    const Result<Word> second = install(std::move(pair.second), flags);
    Errc errc = second.error();
    if (second.ok()) {
        const std::int32_t fds[2] = {static_cast<std::int32_t>(first),
                                     static_cast<std::int32_t>(second.value())};
        errc = arch::copy_to_user(at, fds, sizeof fds).error();
        if (errc == Errc::ok) return Word{0};
        (void)who.files->close(static_cast<std::uint32_t>(second.value())).ok();
    }
    (void)who.files->close(static_cast<std::uint32_t>(first)).ok();
    return errc;
}

Result<Word> bind(int fd, VirtAddr at, std::uint32_t length) {
    const SocketAt socket(fd);
    net::Socket* s = TRY(socket.get());
    TRY(s->bind(TRY(read_address(at, length))));
    return Word{0};
}

Result<Word> listen(int fd, int backlog) {
    const SocketAt socket(fd);
    net::Socket* s = TRY(socket.get());
    TRY(s->listen(static_cast<std::uint32_t>(backlog)));
    return Word{0};
}

Result<Word> accept4(int fd, VirtAddr at, VirtAddr length_at, int given) {
    const auto flags = static_cast<std::uint32_t>(given);
    const SocketAt socket(fd);
    if (flags & ~flag_mask)
        return socket.get().error() == Errc::bad_descriptor ? Errc::bad_descriptor : Errc::invalid;
    net::Socket* s = TRY(socket.get());
    RefPtr<net::Socket> connection = TRY(s->accept(flags & open_nonblock));
    if (raw(at) != 0) {
        const net::Address peer = TRY(connection->peer_name());
        TRY(write_address(peer, at, length_at));
    }
    return install(std::move(connection), flags);
}

Result<Word> accept(int fd, VirtAddr at, VirtAddr length_at) {
    return accept4(fd, at, length_at, 0);
}

Result<Word> connect(int fd, VirtAddr at, std::uint32_t length) {
    const SocketAt socket(fd);
    net::Socket* s = TRY(socket.get());
    const net::Address address = TRY(read_address(at, length));
    TRY(s->connect(address));
    return Word{0};
}

Result<Word> getsockname(int fd, VirtAddr at, VirtAddr length_at) {
    const SocketAt socket(fd);
    net::Socket* s = TRY(socket.get());
    TRY(write_address(s->name(), at, length_at));
    return Word{0};
}

Result<Word> getpeername(int fd, VirtAddr at, VirtAddr length_at) {
    const SocketAt socket(fd);
    net::Socket* s = TRY(socket.get());
    TRY(write_address(TRY(s->peer_name()), at, length_at));
    return Word{0};
}

Result<Word> shutdown(int fd, int how) {
    const SocketAt socket(fd);
    net::Socket* s = TRY(socket.get());
    if (how < 0 || how > 2) return Errc::invalid;
    TRY(s->shut_down(static_cast<net::Shutdown>(how + 1)));
    return Word{0};
}

} // namespace drupe::syscall
