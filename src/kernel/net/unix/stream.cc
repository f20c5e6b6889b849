// SPDX-License-Identifier: BSD-2-Clause
// Streams: bytes without boundaries, in pieces that keep who sent them and what came with them.
#include "unix_socket.h"

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
    if (message.to)
        return self.state.load() == State::connected ? Errc::already_connected
                                                     : Errc::not_supported;
    RefPtr<Endpoint> peer = self.peer();
    if (!peer) return Errc::not_connected;
    if (self.is_shut(no_send)) return broken(message);
    const Nanos until = deadline(message.flags, send_timeout);
    const std::size_t piece =
        std::min<std::size_t>(largest_piece, std::max(self.send_buffer.load() / 2, 128u) - 64);
    std::size_t sent = 0;
    while (message.data.size() != 0) {
        Errc errc = wait_for_send_room(until).error();
        if (errc == Errc::ok) {
            const std::size_t bytes = std::min(message.data.size(), piece);
            const Result<Packet*> packet = pack(message, bytes);
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
    return !tells_senders || packet.identity == message.identity;
}

} // namespace

/// Reads what is there, behind the `done` bytes that were read before. Bytes read so far.
Result<std::size_t> UnixSocket::read_pieces(Incoming& message, std::size_t done) {
    Endpoint& self = *endpoint_;
    const bool peeks = (message.flags & msg_peek) != 0;
    Packet* next = self.front();
    // A look reads from the front on each time.
    for (std::size_t skipped = 0; peeks && next && skipped < done; next = self.after(*next))
        skipped += next->left();
    while (next && message.data.size() != 0) {
        Packet& packet = *next;
        if (done != 0 && !may_follow(packet, message, has(switch_pass_credentials))) break;
        const std::size_t bytes = std::min<std::size_t>(packet.left(), message.data.size());
        const Result<std::size_t> put = message.data.put(packet.bytes() + packet.taken, bytes);
        if (!put.ok() || put.value() != bytes)
            return done != 0 ? Result<std::size_t>(done) : Errc::fault;
        if (done == 0) describe(packet, message);
        done += bytes;
        const bool has_rights = packet.rights.get() != nullptr;
        TRY(move_rights(packet, message));
        if (peeks) {
            next = has_rights ? nullptr : self.after(packet);
            continue;
        }
        packet.taken += static_cast<std::uint32_t>(bytes);
        if (packet.left() != 0) break;
        self.take(packet);
        Packet::destroy(&packet);
        if (has_rights) break;
        next = self.front();
    }
    return done;
}

Result<std::size_t> UnixSocket::receive_stream(Incoming& message) {
    Endpoint& self = *endpoint_;
    if (self.state.load() != State::connected) return Errc::invalid;
    const std::size_t size = message.data.size();
    const std::size_t low_mark =
        static_cast<std::size_t>(std::max(receive_low_mark.load(std::memory_order_relaxed), 1));
    const std::size_t target =
        (message.flags & msg_waitall) ? size : std::min<std::size_t>(size, low_mark);
    const Nanos until = deadline(message.flags, receive_timeout);
    std::size_t done = 0;
    for (;;) {
        {
            sched::MutexGuard guard(endpoint_->reading);
            const std::size_t before = done;
            done = TRY(read_pieces(message, done));
            // Something else than lack of bytes ended it.
            if (message.rights || (done != before && self.has_packets())) return done;
        }
        if (done >= target) return done;
        if (const Errc pending = self.take_error(); pending != Errc::ok)
            return done != 0 ? Result<std::size_t>(done) : pending;
        if (self.is_shut(no_receive)) {
            if (self.has_packets()) continue; // came just before
            return done;
        }
        if (until.ns == 0) return done != 0 ? Result<std::size_t>(done) : Errc::would_block;
        const bool peeks = (message.flags & msg_peek) != 0;
        const std::uint64_t seen = peeks ? done : 0;
        const Result<void> waited = self.readable.wait_until(
            [&] {
                return self.queued_bytes(!peeks) > seen || self.is_shut(no_receive) ||
                       self.has_error();
            },
            until);
        if (!waited.ok())
            return done != 0 ? Result<std::size_t>(done) : wait_error(waited.error(), until);
    }
}

} // namespace drupe::net
