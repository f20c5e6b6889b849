// SPDX-License-Identifier: BSD-2-Clause
// What both kinds of transfer need: making a packet, waiting for room, telling what came with it.
#include "table.h"
#include "unix_socket.h"

namespace drupe::net {

Result<void> UnixSocket::wait_for_send_room(Nanos until) {
    Endpoint& self = *endpoint_;
    for (;;) {
        if (const Errc pending = self.take_error(); pending != Errc::ok) return pending;
        if (self.is_shut(no_send)) return Errc::shut_down;
        if (self.has_room()) return {};
        if (self.miss_room() && self.has_room()) return {};
        if (until.ns == 0) return Errc::would_block;
        const Result<void> waited = self.writable.wait_until(
            [&] { return self.has_room() || self.is_shut(no_send) || self.has_error(); }, until);
        if (!waited.ok()) return wait_error(waited.error(), until);
    }
}

Result<Packet*> UnixSocket::pack(Outgoing& message, std::size_t bytes) {
    if (message.rights) TRY(message.rights->charge());
    Packet* packet = TRY(Packet::create(bytes, *endpoint_));
    if (bytes != 0) {
        const Result<std::size_t> taken = message.data.take(packet->bytes(), bytes);
        if (!taken.ok() || taken.value() != bytes) {
            Packet::destroy(packet);
            return Errc::fault;
        }
    }
    packet->rights = std::move(message.rights);
    if (message.claimed) [[unlikely]] {
        packet->identity = message.claimed->identity;
        packet->process = message.claimed->process;
    }
    return packet;
}

/// On failure the packet stays the caller's.
Result<void> UnixSocket::deliver(Packet& packet, Endpoint& to) {
    const bool is_urgent = packet.is_urgent; // delivered, it may be gone at once
    // Who has not been accepted may still ask.
    if ((to.switches | endpoint_->switches) & (switches_naming_senders | switch_not_accepted))
        [[unlikely]]
        packet.name_sender();
    const auto move = [&] { return to.deliver(packet, *endpoint_); };
    if (packet.rights) {
        if (to.has(switch_refuse_rights)) return Errc::not_permitted;
        TRY(Table::get().send_rights(packet, move));
    } else {
        TRY(move());
    }
    if (is_urgent) to.tell_urgent();
    to.readable.wake_all(vfs::poll_in | vfs::poll_pri | vfs::poll_rdnorm | vfs::poll_rdband);
    if (to.stream_readers == 0) to.async.tell(vfs::AsyncEvent::in);
    return {};
}

Result<std::size_t> UnixSocket::send(Outgoing& message) {
    if ((message.flags & msg_oob) && type != SocketType::stream) return Errc::not_supported;
    return type == SocketType::stream ? send_stream(message) : send_datagram(message);
}

Result<std::size_t> UnixSocket::receive(Incoming& message) {
    if (message.flags & msg_oob)
        return type == SocketType::stream ? receive_urgent(message) : Errc::not_supported;
    return type == SocketType::stream ? receive_stream(message) : receive_datagram(message);
}

void UnixSocket::describe(Packet& packet, Incoming& message) const {
    if (has(switches_naming_senders)) [[unlikely]] {
        message.identity = packet.told_identity();
        if (message.sender) *message.sender = packet.process;
    }
    if (!message.from) return;
    if (const UnixName* name = packet.sender->name()) *message.from = name->address;
}

Result<void> UnixSocket::move_rights(Packet& packet, Incoming& message) {
    if (!packet.rights) return {};
    if (message.flags & msg_peek)
        message.rights = TRY(Table::get().copy_rights(packet));
    else
        message.rights = Table::get().take_rights(packet);
    return {};
}

} // namespace drupe::net
