// SPDX-License-Identifier: BSD-2-Clause
// setsockopt and getsockopt for SOL_SOCKET. [linux] net/core/sock.c
#include "socket_option.h"

#include "pidfd_call.h"
#include "user_time.h"

#include <drupe/net/unix.h>
#include <drupe/process/process.h>
#include <drupe/syscall/errno.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace drupe::syscall {
namespace {

constexpr int level_socket = 1;

enum Option : int {
    so_debug = 1,
    so_reuseaddr,
    so_type,
    so_error,
    so_dontroute,
    so_broadcast,
    so_sndbuf,
    so_rcvbuf,
    so_keepalive,
    so_oobinline,
    so_no_check,
    so_priority,
    so_linger,
    so_bsdcompat,
    so_reuseport,
    so_passcred,
    so_peercred,
    so_rcvlowat,
    so_sndlowat,
    so_rcvtimeo,
    so_sndtimeo,
    so_bindtodevice = 25,
    so_peername = 28,
    so_acceptconn = 30,
    so_sndbufforce = 32,
    so_rcvbufforce,
    so_passsec,
    so_protocol = 38,
    so_domain,
    so_rxq_ovfl,
    so_wifi_status,
    so_peek_off,
    so_nofcs,
    so_select_err_queue = 45,
    so_incoming_napi_id = 56,
    so_peergroups = 59,
    so_rcvtimeo_new = 66, // the same on 64-bit machines
    so_sndtimeo_new,
    so_rcvmark = 75,
    so_passpidfd,
    so_peerpidfd,
    so_rcvpriority = 82,
    so_passrights,
};

struct UserLinger {
    std::int32_t is_on, seconds;
};

constexpr std::uint32_t all_timestamps =
    std::uint32_t{net::switch_timestamp} | net::switch_timestamp_nanos | net::switch_timestamp_new;

/// The switch behind an option; 0: it is none.
std::uint32_t switch_of(int option) {
    switch (option) {
    case so_debug: return net::switch_debug;
    case so_reuseaddr: return net::switch_reuse_address;
    case so_dontroute: return net::switch_dont_route;
    case so_broadcast: return net::switch_broadcast;
    case so_keepalive: return net::switch_keep_alive;
    case so_oobinline: return net::switch_oob_inline;
    case so_passcred: return net::switch_pass_credentials;
    case so_passsec: return net::switch_pass_security;
    case so_passpidfd: return net::switch_pass_pidfd;
    case so_rcvpriority: return net::switch_receive_priority;
    case so_no_check: return net::switch_no_check;
    case so_rxq_ovfl: return net::switch_overflow;
    case so_wifi_status: return net::switch_wifi_status;
    case so_nofcs: return net::switch_no_frame_check;
    case so_select_err_queue: return net::switch_select_errors;
    case so_rcvmark: return net::switch_receive_mark;
    default: return 0;
    }
}

/// The switches that say which times messages tell; 0: the option is none of these.
std::uint32_t timestamp_switches(int option) {
    switch (option) {
    case so_timestamp: return net::switch_timestamp;
    case so_timestampns: return net::switch_timestamp | net::switch_timestamp_nanos;
    case so_timestamp_new: return net::switch_timestamp | net::switch_timestamp_new;
    case so_timestampns_new: return all_timestamps;
    default: return 0;
    }
}

/// Linux doubles what is asked for, to allow for its own structures, and keeps a smallest size.
std::uint32_t buffer_size(std::int32_t wanted, bool is_forced, std::uint32_t allowed,
                          std::uint32_t least) {
    const auto most = is_forced ? std::uint32_t{INT32_MAX} / 2 : allowed;
    const auto asked = is_forced ? static_cast<std::uint32_t>(std::max(wanted, 0))
                                 : static_cast<std::uint32_t>(wanted);
    return std::max(std::min(asked, most) * 2, least);
}

Result<void> set_timeout(Relaxed<std::int64_t>& timeout, VirtAddr at, std::uint32_t length) {
    if (length < sizeof(UserTimeval)) return Errc::invalid;
    const auto t = TRY(arch::get_user<UserTimeval>(at));
    if (t.microseconds < 0 || t.microseconds >= 1'000'000) return Errc::out_of_domain;
    std::int64_t span = 0;
    if (t.seconds >= 0) {
        const Nanos given = TRY(to_nanos(t));
        span = given.ns == 0 || given.ns >= INT64_MAX / 2 ? Nanos::never().ns : given.ns;
    }
    timeout = span;
    return {};
}

Result<void> set_linger(net::Socket& socket, VirtAddr at, std::uint32_t length) {
    if (length < sizeof(UserLinger)) return Errc::invalid;
    const auto linger = TRY(arch::get_user<UserLinger>(at));
    // A negative time is as good as none; in ticks of 4 ms, as Linux keeps it, it reads as this.
    constexpr std::int64_t endless = 0x978d'4fdf;
    const std::int64_t seconds = linger.seconds < 0 ? endless : linger.seconds;
    socket.linger = linger.is_on ? seconds : -1;
    return {};
}

Result<void> set_number(net::Socket& socket, const OptionSet& set) {
    const int option = set.option;
    const std::int32_t value = set.value;
    constexpr std::uint32_t least_sent = 4608, least_received = 2304;
    enum : std::uint32_t { send_is_locked = 1, receive_is_locked = 2 };
    switch (option) {
    case so_sndbufforce:
        if (!is_network_administrator()) return Errc::not_permitted;
        [[fallthrough]];
    case so_sndbuf:
        socket.rare.buffer_locks.fetch_or(send_is_locked);
        socket.set_send_buffer(
            buffer_size(value, option == so_sndbufforce, net::socket_limits.most_send, least_sent));
        return {};
    case so_rcvbufforce:
        if (!is_network_administrator()) return Errc::not_permitted;
        [[fallthrough]];
    case so_rcvbuf:
        socket.rare.buffer_locks.fetch_or(receive_is_locked);
        socket.receive_buffer = buffer_size(value, option == so_rcvbufforce,
                                            net::socket_limits.most_receive, least_received);
        return {};
    case so_rcvlowat:
        socket.receive_low_mark = value < 0 ? INT32_MAX : std::max(value, 1);
        return {};
    case so_priority:
        if ((value < 0 || value > 6) && !is_network_administrator()) return Errc::not_permitted;
        socket.priority = value;
        return {};
    case so_peek_off: socket.peek_offset = value; return {};
    case so_passrights:
        if (socket.family != net::family_unix) return Errc::not_supported;
        if (value != 0)
            socket.switches.fetch_and(~std::uint32_t{net::switch_refuse_rights});
        else
            socket.switches.fetch_or(net::switch_refuse_rights);
        return {};
    case so_bsdcompat: return {}; // obsolete
    case so_reuseport: return value != 0 ? Errc::not_supported : Result<void>{};
    default: return set_rare_option(socket, set);
    }
}

Result<std::int32_t> get_number(net::Socket& socket, int option) {
    if (const std::uint32_t bit = switch_of(option))
        return std::int32_t{(socket.switches & bit) != 0};
    if (const std::uint32_t bits = timestamp_switches(option)) {
        // The newer option shows as set beside its companion in nanoseconds, as in Linux.
        const std::uint32_t asked = option == so_timestamp_new
                                        ? all_timestamps & ~net::switch_timestamp_nanos
                                        : all_timestamps;
        return std::int32_t{(socket.switches & asked) == bits};
    }
    switch (option) {
    case so_type: return static_cast<std::int32_t>(socket.type);
    case so_domain: return std::int32_t{socket.family};
    case so_protocol:
    case so_bsdcompat:
    case so_reuseport:
    case so_incoming_napi_id: return 0;
    case so_acceptconn: return std::int32_t{socket.is_listening()};
    case so_sndbuf: return static_cast<std::int32_t>(socket.send_buffer());
    case so_rcvbuf: return static_cast<std::int32_t>(socket.receive_buffer);
    case so_rcvlowat: return socket.receive_low_mark.load();
    case so_sndlowat: return 1;
    case so_priority: return socket.priority.load();
    case so_peek_off: return socket.peek_offset.load();
    case so_passrights:
        if (socket.family != net::family_unix) return Errc::not_supported;
        return std::int32_t{!socket.has(net::switch_refuse_rights)};
    case so_error: {
        const Errc errc = socket.take_error();
        return errc == Errc::ok ? 0 : static_cast<std::int32_t>(-to_return_value(errc));
    }
    default: return Errc::no_option;
    }
}

/// As many bytes of it as are asked for: not_connected; invalid: there are fewer.
Result<Word> put_peer_name(net::Socket& socket, VirtAddr at, std::uint32_t bytes) {
    const Result<net::Address> peer = socket.peer_name();
    if (!peer.ok()) return Errc::not_connected;
    if (bytes > peer.value().length) return Errc::invalid;
    TRY(arch::copy_to_user(at, peer.value().bytes, bytes));
    return Word{0};
}

/// All of them or, with no room for that, how much it takes.
Result<Word> put_groups(const net::Peer& peer, VirtAddr at, VirtAddr length_at) {
    if (peer.identity.pid == 0) return Errc::no_data;
    const auto ids =
        peer.groups ? std::as_const(*peer.groups).ids() : std::span<const std::uint32_t>{};
    const auto room = TRY(arch::get_user<std::int32_t>(length_at));
    TRY(arch::put_user(length_at, static_cast<std::int32_t>(ids.size_bytes())));
    if (static_cast<std::size_t>(room) < ids.size_bytes()) return Errc::out_of_range;
    TRY(arch::copy_to_user(at, ids.data(), ids.size_bytes()));
    return Word{0};
}

/// A descriptor that means it, of which no more is told than there is room for.
Result<Word> put_peer_process(const net::Peer& peer, VirtAddr at, VirtAddr length_at,
                              std::uint32_t room) {
    if (!peer.process) return Errc::no_data;
    const auto fd = static_cast<std::int32_t>(TRY(open_pidfd(*peer.process)));
    const auto bytes = std::min<std::uint32_t>(room, sizeof fd);
    Result<void> told = arch::copy_to_user(at, &fd, bytes);
    if (told.ok()) told = arch::put_user(length_at, bytes);
    if (!told.ok()) {
        (void)caller().files->close(static_cast<std::uint32_t>(fd)).ok();
        return told.error();
    }
    return Word{0};
}

} // namespace

Result<Word> put_value(const void* value, std::size_t size, VirtAddr at, VirtAddr length_at) {
    const auto room = TRY(arch::get_user<std::int32_t>(length_at));
    if (room < 0) return Errc::invalid;
    const auto bytes = std::min(size, static_cast<std::size_t>(room));
    TRY(arch::copy_to_user(at, value, bytes));
    TRY(arch::put_user(length_at, static_cast<std::int32_t>(bytes)));
    return Word{0};
}

Result<Word> setsockopt(int fd, int level, int option, VirtAddr at, std::uint32_t length) {
    const SocketAt found(fd);
    if (static_cast<std::int32_t>(length) < 0) return Errc::invalid;
    net::Socket* socket = TRY(found.get());
    if (level != level_socket) return Errc::not_supported;
    if (option == so_bindtodevice) {
        TRY(bind_to_device(*socket, at, length));
        return Word{0};
    }
    if (length < sizeof(std::int32_t)) return Errc::invalid;
    const auto value = TRY(arch::get_user<std::int32_t>(at));
    switch (option) {
    case so_rcvtimeo:
    case so_rcvtimeo_new: TRY(set_timeout(socket->receive_timeout, at, length)); return Word{0};
    case so_sndtimeo:
    case so_sndtimeo_new: TRY(set_timeout(socket->send_timeout, at, length)); return Word{0};
    case so_linger: TRY(set_linger(*socket, at, length)); return Word{0};
    default: break;
    }
    if (const std::uint32_t bit = switch_of(option)) {
        if (option == so_debug && value != 0 && !is_network_administrator()) return Errc::access;
        if (value != 0)
            socket->switches.fetch_or(bit);
        else
            socket->switches.fetch_and(~bit);
        return Word{0};
    }
    if (const std::uint32_t bits = timestamp_switches(option)) { // one of them at a time
        // What is new or not is remembered for SO_TIMESTAMPING, too.
        socket->switches.fetch_and(value != 0 ? ~all_timestamps
                                              : ~(all_timestamps & ~net::switch_timestamp_new));
        if (value != 0) socket->switches.fetch_or(bits);
        return Word{0};
    }
    TRY(set_number(*socket, {option, value, at, length}));
    return Word{0};
}

Result<Word> getsockopt(int fd, int level, int option, VirtAddr at, VirtAddr length_at) {
    const SocketAt found(fd);
    net::Socket* socket = TRY(found.get());
    if (level != level_socket) return Errc::not_supported;
    const auto room = TRY(arch::get_user<std::int32_t>(length_at));
    if (room < 0) return Errc::invalid;
    switch (option) {
    case so_rcvtimeo:
    case so_rcvtimeo_new:
    case so_sndtimeo:
    case so_sndtimeo_new: {
        const bool receives = option == so_rcvtimeo || option == so_rcvtimeo_new;
        const std::int64_t span = receives ? socket->receive_timeout : socket->send_timeout;
        const UserTimeval t = span == Nanos::never().ns ? UserTimeval{} : to_timeval(Nanos{span});
        return put_value(&t, sizeof t, at, length_at);
    }
    case so_linger: {
        const std::int64_t seconds = socket->linger;
        const UserLinger linger{seconds >= 0,
                                static_cast<std::int32_t>(std::max<std::int64_t>(seconds, 0))};
        return put_value(&linger, sizeof linger, at, length_at);
    }
    case so_peercred: {
        const net::Identity peer = socket->peer_credentials().identity;
        return put_value(&peer, sizeof peer, at, length_at);
    }
    case so_peername: return put_peer_name(*socket, at, static_cast<std::uint32_t>(room));
    case so_peerpidfd:
        return put_peer_process(socket->peer_credentials(), at, length_at,
                                static_cast<std::uint32_t>(room));
    case so_peergroups: return put_groups(socket->peer_credentials(), at, length_at);
    default: {
        const Result<std::int32_t> value = get_number(*socket, option);
        if (!value.ok())
            return get_rare_option(*socket,
                                   {option, at, length_at, static_cast<std::uint32_t>(room)});
        return put_value(&value.value(), sizeof value.value(), at, length_at);
    }
    }
}

} // namespace drupe::syscall
