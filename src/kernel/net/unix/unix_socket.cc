// SPDX-License-Identifier: BSD-2-Clause
// Life, names and state of a socket; bytes move in stream.cc and datagram.cc.
#include "unix_socket.h"

#include "table.h"

#include <drupe/arch/user_access.h>
#include <drupe/base/scope_exit.h>
#include <drupe/process/process.h>
#include <drupe/process/user_thread.h>
#include <drupe/vfs/operations.h>
#include <drupe/vfs/path.h>

#include <algorithm>
#include <cstring>

namespace drupe::net {
namespace {

constexpr std::uint32_t path_at = 2;   // offsetof(sockaddr_un, sun_path)
constexpr std::uint32_t longest = 110; // sizeof(sockaddr_un)

Result<void> check(const Address& address) {
    if (address.length <= path_at || address.length > longest || address.family() != family_unix)
        return Errc::invalid;
    return {};
}

bool is_path(const Address& address) { return address.bytes[path_at] != 0; }

/// A path ends at its first NUL, which counts as a part of the name.
Address normalized(Address address) {
    if (!is_path(address)) return address;
    address.bytes[std::min<std::uint32_t>(address.length, Address::most - 1)] = 0;
    address.length = path_at + static_cast<std::uint32_t>(std::strlen(address.bytes + path_at)) + 1;
    return address;
}

} // namespace

Result<void> init_unix() {
    TRY(Table::init());
    return init_packets();
}

UnixSocket::UnixSocket(vfs::Dentry& dentry, std::uint32_t flags, RefPtr<Endpoint> endpoint)
    : Socket(dentry, flags | vfs::open_read_write, {family_unix, endpoint->type},
             endpoint->switches),
      endpoint_(std::move(endpoint)) {
    Table::get().set_file(*endpoint_, *this);
}

UnixSocket::~UnixSocket() {
    endpoint_->async.remove(*this);
    endpoint_->close();
    Table::get().collect();
}

Result<RefPtr<UnixSocket>> UnixSocket::create(RefPtr<Endpoint> endpoint, std::uint32_t flags) {
    RefPtr<vfs::Dentry> dentry =
        TRY(vfs::create_anonymous("socket", vfs::mode_socket | 0777, true));
    return make_ref<UnixSocket>(*dentry, flags, std::move(endpoint));
}

Result<RefPtr<Socket>> create_unix_socket(SocketType type, std::uint32_t flags) {
    RefPtr<Endpoint> endpoint = TRY(make_ref<Endpoint>(type));
    Endpoint& known = *endpoint;
    RefPtr<UnixSocket> socket = TRY(UnixSocket::create(std::move(endpoint), flags));
    Table::get().add(known);
    return RefPtr<Socket>(std::move(socket));
}

Result<SocketPair> create_unix_pair(SocketType type, std::uint32_t flags) {
    SocketPair pair{TRY(create_unix_socket(type, flags)), TRY(create_unix_socket(type, flags))};
    Endpoint& a = static_cast<UnixSocket&>(*pair.first).endpoint();
    Endpoint& b = static_cast<UnixSocket&>(*pair.second).endpoint();
    a.set_peer_credentials(running_peer());
    b.set_peer_credentials(running_peer());
    a.set_peer(RefPtr<Endpoint>(&b));
    b.set_peer(RefPtr<Endpoint>(&a));
    a.state = b.state = State::connected;
    return pair;
}

void visit_unix_sockets(UnixVisitor& visitor) { Table::get().visit(visitor); }

// ---- names

Result<RefPtr<Endpoint>> UnixSocket::find(const Address& given) {
    const Address address = normalized(given);
    if (!is_path(address)) {
        RefPtr<Endpoint> found = Table::get().find(address, type);
        if (!found) return Errc::refused;
        return found;
    }
    vfs::TaskContext& who = process::current_context();
    RefPtr<vfs::Dentry> dentry =
        TRY(vfs::walk(who, nullptr, address.bytes + path_at, vfs::walk_follow));
    TRY(vfs::check_access(*dentry->inode(), who.credentials, vfs::access_write));
    if (dentry->inode()->kind() != vfs::mode_socket) return Errc::refused;
    RefPtr<Endpoint> found = Table::get().find(*dentry->inode());
    if (!found) return Errc::refused;
    if (found->type != type) return Errc::wrong_type;
    return found;
}

Result<void> UnixSocket::bind(const Address& address) {
    if (address.length == path_at && address.family() == family_unix) return bind_unused();
    TRY(check(address));
    if (is_path(address)) return bind_path(normalized(address));
    sched::MutexGuard guard(naming_);
    if (endpoint_->name()) return Errc::invalid;
    RefPtr<UnixName> name = TRY(make_ref<UnixName>());
    name->address = address;
    return Table::get().publish(*endpoint_, std::move(name));
}

Result<void> UnixSocket::bind_unused() {
    sched::MutexGuard guard(naming_);
    if (endpoint_->name()) return {};
    for (;;) {
        RefPtr<UnixName> name = TRY(make_ref<UnixName>());
        name->address = Table::get().free_name(type);
        const Result<void> published = Table::get().publish(*endpoint_, std::move(name));
        if (published.ok() || published.error() != Errc::address_in_use) return published;
    }
}

Result<void> UnixSocket::bind_path(const Address& address) {
    vfs::TaskContext& who = process::current_context();
    const char* path = address.bytes + path_at;
    RefPtr<UnixName> name = TRY(make_ref<UnixName>());
    const std::uint32_t mode = vfs::mode_socket | (inode().mode() & vfs::mode_permissions);
    const Result<void> made = vfs::make_node(who, nullptr, path, mode, 0);
    if (!made.ok()) return made.error() == Errc::exists ? Errc::address_in_use : made.error();
    ScopeExit undo{[&] { (void)vfs::unlink(who, nullptr, path).ok(); }};
    sched::MutexGuard guard(naming_);
    if (endpoint_->name()) return Errc::invalid;
    name->address = address;
    name->dentry = TRY(vfs::walk(who, nullptr, path, 0));
    TRY(Table::get().publish(*endpoint_, std::move(name)));
    undo.dismiss();
    return {};
}

Address UnixSocket::name() {
    if (const UnixName* name = endpoint_->name()) return name->address;
    Address unnamed;
    std::memcpy(unnamed.bytes, &family_unix, sizeof family_unix);
    unnamed.length = path_at;
    return unnamed;
}

Result<Address> UnixSocket::peer_name() {
    RefPtr<Endpoint> peer = endpoint_->peer();
    if (!peer) return Errc::not_connected;
    if (const UnixName* name = peer->name()) return name->address;
    Address unnamed;
    std::memcpy(unnamed.bytes, &family_unix, sizeof family_unix);
    unnamed.length = path_at;
    return unnamed;
}

// ---- connections

Result<void> UnixSocket::listen(std::uint32_t backlog) {
    if (!endpoint_->is_connection()) return Errc::not_supported;
    sched::MutexGuard guard(naming_);
    if (!endpoint_->name() || endpoint_->state == State::connected) return Errc::invalid;
    endpoint_->backlog = std::min(backlog, socket_limits.backlog.load());
    endpoint_->set_peer_credentials(running_peer());
    endpoint_->state = State::listening;
    endpoint_->room.wake_all();
    return {};
}

Result<void> UnixSocket::connect(const Address& address) {
    if (endpoint_->is_connection()) {
        TRY(check(address));
        return connect_stream(address);
    }
    return connect_datagram(address);
}

Result<void> UnixSocket::connect_datagram(const Address& address) {
    if (address.length >= sizeof(std::uint16_t) && address.family() == 0) {
        sched::MutexGuard guard(naming_);
        endpoint_->set_peer({});
        endpoint_->state = State::closed;
        return {};
    }
    TRY(check(address));
    if (has(switches_naming_senders) && !endpoint_->name()) TRY(bind_unused());
    sched::MutexGuard guard(naming_);
    RefPtr<Endpoint> target = TRY(find(address));
    RefPtr<Endpoint> theirs = target->peer();
    if (theirs && theirs.get() != endpoint_.get()) return Errc::not_permitted;
    endpoint_->set_peer(std::move(target));
    endpoint_->state = State::connected;
    return {};
}

Result<void> UnixSocket::connect_stream(const Address& address) {
    if (has(switches_naming_senders) && !endpoint_->name()) TRY(bind_unused());
    const Nanos until = deadline(0, send_timeout);
    sched::MutexGuard guard(naming_);
    for (;;) {
        RefPtr<Endpoint> listener = TRY(find(address));
        if (listener->state != State::listening || listener->is_shut(no_receive))
            return Errc::refused;
        if (listener->is_full()) {
            if (until.ns == 0) return Errc::would_block;
            const Result<void> waited = listener->room.wait_until(
                [&] { return !listener->is_full() || listener->is_dead; }, until);
            if (!waited.ok()) return wait_error(waited.error(), until);
            continue;
        }
        if (endpoint_->state == State::connected) return Errc::already_connected;
        if (endpoint_->state == State::listening) return Errc::invalid;
        RefPtr<Endpoint> server = TRY(make_ref<Endpoint>(type));
        Packet* packet = TRY(Packet::create(0, *endpoint_));
        server->set_peer_credentials(running_peer());
        server->set_name(RefPtr<UnixName>(listener->name()));
        server->set_peer(endpoint_);
        server->state = State::connected;
        server->switches = (listener->switches & switches_inherited) | switch_not_accepted;
        packet->connection = RefPtr<Endpoint>(server).leak();
        Table::get().add(*server);
        // The client is connected before the server can be accepted.
        endpoint_->set_peer_credentials(listener->peer_credentials());
        endpoint_->set_peer(server);
        endpoint_->state = State::connected;
        if (listener->deliver(*packet, *endpoint_).ok()) {
            listener->readable.wake(1, vfs::poll_in | vfs::poll_rdnorm | vfs::poll_rdband);
            listener->async.tell(vfs::AsyncEvent::in);
            return {};
        }
        // The listener went in the meantime.
        endpoint_->state = State::closed;
        endpoint_->set_peer({});
        server->set_peer({});
        server->close();
        Packet::destroy(packet);
    }
}

/// The first connection that waits; null: none does.
Result<RefPtr<UnixSocket>> UnixSocket::take_connection(std::uint32_t flags) {
    sched::MutexGuard guard(endpoint_->reading);
    Packet* const packet = endpoint_->front();
    if (!packet) return RefPtr<UnixSocket>{};
    // First: to a collector, what was sent to it would be lost in between.
    Result<RefPtr<UnixSocket>> socket =
        UnixSocket::create(RefPtr<Endpoint>(packet->connection), flags);
    packet->connection->switches.fetch_and(~std::uint32_t{switch_not_accepted});
    endpoint_->take(*packet);
    if (!socket.ok()) packet->connection->close();
    Packet::destroy(packet);
    return socket;
}

Result<RefPtr<Socket>> UnixSocket::accept(std::uint32_t flags) {
    Endpoint& self = *endpoint_;
    if (!self.is_connection()) return Errc::not_supported;
    if (self.state != State::listening) return Errc::invalid;
    const Nanos until = deadline(0, receive_timeout);
    for (;;) {
        if (RefPtr<UnixSocket> socket = TRY(take_connection(flags)))
            return RefPtr<Socket>(std::move(socket));
        if (until.ns == 0) return Errc::would_block;
        if (self.is_shut(no_receive)) return Errc::invalid;
        const Result<void> waited = self.readable.wait_until(
            [&] { return self.has_packets() || self.is_shut(no_receive); }, until);
        if (!waited.ok()) return wait_error(waited.error(), until);
    }
}

Result<void> UnixSocket::shut_down(Shutdown how) {
    endpoint_->shut(how);
    RefPtr<Endpoint> peer = endpoint_->peer();
    endpoint_->changed();
    if (!peer || !endpoint_->is_connection()) return {};
    // The other side's directions are ours, turned round.
    const unsigned turned = (how & no_receive) << 1 | (how & no_send) >> 1;
    peer->shut(static_cast<Shutdown>(turned));
    peer->changed();
    if (turned == no_traffic)
        peer->async.tell(vfs::AsyncEvent::hang_up);
    else if (turned & no_receive)
        peer->async.tell(vfs::AsyncEvent::in);
    return {};
}

// ---- being asked

void UnixSocket::set_send_buffer(std::uint32_t bytes) {
    endpoint_->send_buffer = bytes;
    endpoint_->writable.wake_all();
}

Result<void> UnixSocket::set_async(const vfs::AsyncRequest* request) {
    return mark_async(endpoint_->async.set(*this, request), request != nullptr);
}

std::uint32_t UnixSocket::poll(vfs::PollWatcher* watcher) {
    Endpoint& self = *endpoint_;
    if (watcher) {
        watcher->watch(self.readable);
        watcher->watch(self.writable);
    }
    std::uint32_t events = 0;
    const Shutdown shut = self.shut(); // first: no end before the error and the bytes
    if (self.has_error()) events |= vfs::poll_err;
    if (shut == no_traffic) events |= vfs::poll_hup;
    if (shut & no_receive) events |= vfs::poll_rdhup | vfs::poll_in | vfs::poll_rdnorm;
    if (self.has_packets()) events |= vfs::poll_in | vfs::poll_rdnorm;
    if (self.urgent()) events |= vfs::poll_pri;
    if (self.is_connection() && self.state == State::closed) events |= vfs::poll_hup;
    bool is_writable = self.is_writable();
    if (!is_writable && type != SocketType::stream && self.miss_room()) // as Linux has it
        is_writable = self.is_writable();
    if (is_writable && type == SocketType::datagram) {
        RefPtr<Endpoint> peer = self.peer();
        if (peer && peer.get() != &self && peer->is_full() && peer->peer() != endpoint_)
            is_writable = !Table::get().want_room(self, *peer);
    }
    if (is_writable) events |= vfs::poll_out | vfs::poll_wrnorm | vfs::poll_wrband;
    return events;
}

/// A descriptor for the node that is the socket's name.
Result<std::uint64_t> UnixSocket::open_name() {
    if (!process::current_process().credentials.is_privileged()) return Errc::not_permitted;
    const UnixName* const name = endpoint_->name();
    if (!name || !name->dentry) return Errc::not_found;
    RefPtr<vfs::File> file = TRY(vfs::open_path_file(*name->dentry, vfs::open_path));
    vfs::TaskContext& who = process::current_context();
    return std::uint64_t{TRY(who.files->install(std::move(file), true, who.max_descriptors))};
}

Result<std::uint64_t> UnixSocket::ioctl(std::uint32_t request, std::uint64_t argument) {
    enum : std::uint32_t {
        bytes_to_read = 0x541b,
        bytes_sent = 0x5411,
        at_mark = 0x8905,
        file_of_name = 0x89e0,
    };
    std::uint64_t bytes = 0;
    if (request == file_of_name) {
        return open_name();
    } else if (request == bytes_to_read) {
        if (is_listening()) return Errc::invalid;
        bytes = endpoint_->queued_bytes(type == SocketType::datagram);
    } else if (request == bytes_sent) {
        bytes = endpoint_->charged();
    } else if (request == at_mark) {
        if (type != SocketType::stream) return Errc::not_supported;
        sched::MutexGuard guard(endpoint_->reading);
        bytes = endpoint_->is_at_mark();
    } else {
        return Errc::not_terminal;
    }
    TRY(arch::put_user(VirtAddr{argument}, static_cast<std::int32_t>(bytes)));
    return std::uint64_t{0};
}

} // namespace drupe::net
