// SPDX-License-Identifier: BSD-2-Clause
// Streams: bytes without boundaries, in pieces that keep who sent them and what came with them.
#include "unix_socket.h"

#include <drupe/base/scope_exit.h>
#include <drupe/process/process.h>
#include <drupe/process/signal.h>

#include <algorithm>

namespace drupe::net {
namespace {

/// With its header a piece fills a power of two, as memory is given out.
constexpr std::size_t largest_piece = 32'768 - sizeof(Packet);

Errc broken(const Outgoing& message) {
    if (!(message.flags & msg_nosignal)) {
        IrqGuard guard{process::tasks_lock()};
        (void)process::send_signal_locked(process::current_user(),
                                          process::SigInfo::from_kernel(process::sigpipe));
    }
    return Errc::shut_down;
}

} // namespace

Result<std::size_t> UnixSocket::send_stream(Outgoing& message) {
    Endpoint& self = *endpoint_;
    if ((message.flags & msg_oob) && message.data.size() == 0) return Errc::not_supported;
    if (message.to)
        return self.state == State::connected ? Errc::already_connected : Errc::not_supported;
    RefPtr<Endpoint> peer = self.peer();
    if (!peer) return Errc::not_connected;
    if (self.is_shut(no_send)) return broken(message);
    const Nanos until = deadline(message.flags, send_timeout);
    const std::size_t piece =
        std::min<std::size_t>(largest_piece, std::max(self.send_buffer / 2, 128u) - 64);
    std::size_t sent = 0;
    while (message.data.size() != 0) {
        Errc errc = wait_for_send_room(until).error();
        if (errc == Errc::ok) {
            // The last byte is the urgent one, and travels alone.
            const std::size_t left = message.data.size();
            const bool is_urgent = (message.flags & msg_oob) && left == 1;
            const std::size_t bytes =
                std::min((message.flags & msg_oob) && !is_urgent ? left - 1 : left, piece);
            const Result<Packet*> packet = pack(message, bytes);
            if (packet.ok()) packet.value()->is_urgent = is_urgent;
            errc = packet.ok() ? deliver(*packet.value(), *peer).error() : packet.error();
            if (errc == Errc::ok) {
                sent += bytes;
                continue;
            }
            if (packet.ok()) Packet::destroy(packet.value());
        }
        if (sent != 0) return sent;
        return errc == Errc::shut_down || errc == Errc::refused ? broken(message) : errc;
    }
    return sent;
}

namespace {

/// May bytes of this packet follow those that were read already? Pieces of two senders do not mix
/// where the reader is told who sent.
bool may_follow(const Packet& packet, const Incoming& message, bool tells_senders) {
    return !tells_senders || packet.told_identity() == message.identity;
}

} // namespace

/// Reads what is there, behind the `done` bytes that were read before.
Result<UnixSocket::Progress> UnixSocket::read_pieces(Incoming& message, std::size_t done) {
    Endpoint& self = *endpoint_;
    const bool peeks = (message.flags & msg_peek) != 0;
    PacketList gone;
    const ScopeExit drop{[&] { forget(gone); }};
    std::size_t skip = bytes_to_skip(message.flags);
    Packet* next = self.front();
    bool has_looked = false; // also at a byte for which there is no room
    for (; next && (message.data.size() != 0 || !has_looked); has_looked = true) {
        if (self.is_mark(*next)) [[unlikely]] {
            next = self.past_mark(*next, {peeks, has(switch_oob_inline), done != 0}, gone);
            if (!next && done != 0) return Progress{done, true};
        }
        for (; next && skip >= next->left(); next = self.after(*next)) skip -= next->left();
        if (!next) break;
        Packet& packet = *next;
        if (done != 0 && !may_follow(packet, message, has(switches_naming_senders)))
            return Progress{done, true};
        const std::size_t bytes = std::min<std::size_t>(packet.left() - skip, message.data.size());
        const Result<std::size_t> put =
            message.data.put(packet.bytes() + packet.taken + skip, bytes);
        if (!put.ok() || put.value() != bytes)
            return done != 0 ? Result<Progress>(Progress{done, true}) : Errc::fault;
        if (done == 0) describe(packet, message);
        done += bytes;
        const bool has_rights = packet.rights.get() != nullptr;
        TRY(move_rights(packet, message));
        if (peeks) {
            move_peek_offset(static_cast<std::int64_t>(bytes));
            skip = 0;
            next = has_rights ? nullptr : self.after(packet);
            continue;
        }
        packet.taken += static_cast<std::uint32_t>(bytes);
        move_peek_offset(-static_cast<std::int64_t>(bytes));
        if (packet.left() != 0) return Progress{done, true};
        self.take(packet);
        Packet::destroy(&packet);
        if (has_rights) return Progress{done, true};
        next = self.front();
    }
    return Progress{done, peeks && has_looked};
}

/// Is there something that read_pieces() would begin with?
bool UnixSocket::has_unread(const Incoming& message) {
    if (!(message.flags & msg_peek)) return endpoint_->has_packets();
    return endpoint_->has_bytes_at(bytes_to_skip(message.flags), has(switch_oob_inline));
}

Result<std::size_t> UnixSocket::receive_stream(Incoming& message) {
    Endpoint& self = *endpoint_;
    if (self.state != State::connected) return Errc::invalid;
    const std::size_t size = message.data.size();
    const std::size_t low_mark = static_cast<std::size_t>(std::max(receive_low_mark.load(), 1));
    // At least one byte has to be there, even if none is wanted.
    const std::size_t target = std::max<std::size_t>(
        (message.flags & msg_waitall) ? size : std::min<std::size_t>(size, low_mark), 1);
    const Nanos until = deadline(message.flags, receive_timeout);
    std::size_t done = 0;
    for (;;) {
        {
            sched::MutexGuard guard(endpoint_->reading);
            const Progress progress = TRY(read_pieces(message, done));
            done = progress.done;
            if (progress.is_over) return done;
        }
        if (done >= target) return done;
        const bool is_over = self.is_shut(no_receive); // first: it comes with an error
        if (const Errc pending = self.take_error(); pending != Errc::ok)
            return done != 0 ? Result<std::size_t>(done) : pending;
        if (is_over) {
            if (has_unread(message)) continue; // came just before
            return done;
        }
        if (until.ns == 0) return done != 0 ? Result<std::size_t>(done) : Errc::would_block;
        const bool spares_signals = self.async.has_any();
        if (spares_signals) self.stream_readers++;
        const ScopeExit awake{[&] {
            if (spares_signals) self.stream_readers--;
        }};
        const Result<void> waited = self.readable.wait_until(
            [&] { return has_unread(message) || self.is_shut(no_receive) || self.has_error(); },
            until);
        if (!waited.ok())
            return done != 0 ? Result<std::size_t>(done) : wait_error(waited.error(), until);
    }
}

} // namespace drupe::net
