// SPDX-License-Identifier: BSD-2-Clause
// Datagrams and sequential packets: a message is received as it was sent, or cut.
#include "table.h"
#include "unix_socket.h"

#include <drupe/sched/cpu.h>
#include <drupe/sched/thread.h>

#include <algorithm>
#include <span>

namespace drupe::net {

Result<std::size_t> UnixSocket::send_datagram(Outgoing& message) {
    Endpoint& self = *endpoint_;
    if (type == SocketType::sequential) {
        if (const Errc pending = self.take_error(); pending != Errc::ok) return pending;
        if (self.state != State::connected) return Errc::not_connected;
        message.to = nullptr;
    } else if (message.to) {
        const Address& to = *message.to;
        if (to.length <= 2 || to.length > 110 || to.family() != family_unix) return Errc::invalid;
    } else if (!self.peer()) {
        return Errc::not_connected;
    }
    if (has(switches_naming_senders) && !self.name()) TRY(bind_unused());
    const std::size_t bytes = message.data.size();
    if (bytes > self.send_buffer - 32) return Errc::message_size;
    const Nanos until = deadline(message.flags, send_timeout);
    TRY(wait_for_send_room(until));
    Packet* packet = TRY(pack(message, bytes));
    packet->sent_at = time::wall();
    const Result<void> sent = send_packet_to(*packet, message, until);
    if (sent.ok()) return bytes;
    Packet::destroy(packet);
    return sent.error();
}

namespace {

/// Cuts the packet as the receiver's filter wants it. False: it wants nothing of it.
bool pass_filter(Packet& packet, Endpoint& to) {
    const RefPtr<SocketFilter> chooses = to.filter();
    if (!chooses) return true;
    const auto bytes = std::as_bytes(std::span(packet.bytes(), packet.size));
    const std::uint32_t kept = filter::run(chooses->program(), bytes, sched::current().cpu->index);
    packet.size = std::min(packet.size, kept);
    return kept != 0;
}

} // namespace

/// On failure the packet stays the caller's.
Result<void> UnixSocket::send_packet_to(Packet& packet, Outgoing& message, Nanos until) {
    Endpoint& self = *endpoint_;
    bool is_passed = false;
    for (;;) {
        RefPtr<Endpoint> target = message.to ? TRY(find(*message.to)) : self.peer();
        if (!target) return Errc::connection_reset;
        if (target->has_filter() && !is_passed) [[unlikely]] {
            is_passed = true;
            if (!pass_filter(packet, *target)) {
                PacketList gone; // the sender is not told
                gone.push_back(packet);
                dispose(gone);
                return {};
            }
        }
        if (message.to) {
            RefPtr<Endpoint> theirs = target->peer();
            if (theirs && theirs.get() != &self) return Errc::not_permitted;
        }
        const Result<void> delivered = deliver(packet, *target);
        if (delivered.ok()) return {};
        if (delivered.error() == Errc::refused) {
            if (type == SocketType::sequential) return Errc::shut_down;
            if (self.peer() != target) continue; // found by a name that leads elsewhere by now
            self.set_peer({});
            self.state = State::closed;
            return Errc::refused;
        }
        if (delivered.error() != Errc::would_block) return delivered.error();
        if (until.ns == 0) return Errc::would_block;
        const Result<void> waited = target->room.wait_until(
            [&] { return !target->is_full() || target->is_dead || target->shut(); }, until);
        if (!waited.ok()) return wait_error(waited.error(), until);
    }
}

/// The first message that the offset of peeking reaches; `skip`: of its bytes.
Packet* UnixSocket::first_message(const Incoming& message, std::size_t& skip) {
    skip = bytes_to_skip(message.flags);
    const bool has_offset = (message.flags & msg_peek) && peek_offset >= 0;
    return has_offset ? endpoint_->message_at(skip) : endpoint_->front();
}

Result<std::size_t> UnixSocket::receive_datagram(Incoming& message) {
    Endpoint& self = *endpoint_;
    if (type == SocketType::sequential && self.state != State::connected)
        return Errc::not_connected;
    const Nanos until = deadline(message.flags, receive_timeout);
    for (;;) {
        // Before the looks: no end before what was sent, or the error that comes with it.
        const bool is_over = self.is_shut(no_receive);
        if (const Errc pending = self.take_error(); pending != Errc::ok) return pending;
        {
            sched::MutexGuard guard(self.reading);
            std::size_t skip = 0;
            if (Packet* packet = first_message(message, skip))
                return read_one(*packet, message, skip);
        }
        if (is_over && (until.ns != 0 || type == SocketType::sequential)) return std::size_t{0};
        if (until.ns == 0) return Errc::would_block;
        const Result<void> waited = self.readable.wait_until(
            [&] {
                std::size_t skip = 0;
                return first_message(message, skip) || self.is_shut(no_receive) || self.has_error();
            },
            until);
        if (!waited.ok()) return wait_error(waited.error(), until);
    }
}

/// Also a message that the program's memory could not take is gone, as on Linux.
Result<std::size_t> UnixSocket::read_one(Packet& packet, Incoming& message, std::size_t skip) {
    const bool peeks = (message.flags & msg_peek) != 0;
    // Its files are ours before it leaves the queue: to a collector they would be lost in between.
    TRY(move_rights(packet, message));
    if (!peeks) endpoint_->take(packet);
    packet.is_peeked = true;
    const std::size_t size = packet.size - skip;
    const std::size_t bytes = std::min(size, message.data.size());
    Errc errc = Errc::ok;
    if (bytes != 0) {
        const Result<std::size_t> put = message.data.put(packet.bytes() + skip, bytes);
        if (!put.ok() || put.value() != bytes) errc = Errc::fault;
    }
    if (errc == Errc::ok) {
        describe(packet, message);
        message.sent_at = packet.sent_at;
        move_peek_offset(peeks ? static_cast<std::int64_t>(bytes)
                               : -static_cast<std::int64_t>(packet.size));
    }
    if (bytes < size) message.flags_out |= msg_trunc;
    if (!peeks) {
        PacketList gone;
        gone.push_back(packet);
        dispose(gone);
    }
    if (errc != Errc::ok) {
        message.rights = nullptr; // nobody received them
        return errc;
    }
    return (message.flags & msg_trunc) ? size : bytes;
}

} // namespace drupe::net
