// SPDX-License-Identifier: BSD-2-Clause
// One message, or a piece of a stream, in a receiver's queue; its bytes follow the object. A
// connection that nobody accepted yet is a packet, too.
#pragma once

#include <drupe/base/list.h>
#include <drupe/net/message.h>

#include <cstddef>
#include <cstdint>

namespace drupe::net {

class Endpoint;

struct Packet {
    /// Room for `size` bytes, charged to `sender`. no_memory.
    static Result<Packet*> create(std::size_t size, Endpoint& sender);
    /// Gives back what it was charged for. Its rights must be gone, or never counted as in flight.
    static void destroy(Packet* packet);
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    /// The running process sends it, unless it is said to be another's.
    [[gnu::cold, gnu::noinline]] void name_sender();
    const Identity& told_identity() const { return process ? identity : nobody_wanted; }
    std::uint32_t left() const { return size - taken; }

    ListHook hook;
    std::uint32_t size;      // may be cut before it is sent
    std::uint32_t taken = 0; // bytes read already
    std::uint32_t charge = 0;
    bool is_urgent = false; // sent with MSG_OOB
    bool is_peeked = false; // by somebody: an offset of peeking passes it even if it is empty
    Identity identity;      // of `process`
    Nanos sent_at{0};
    Endpoint* sender;                   // referenced
    RefPtr<process::Process> process{}; // that sent it; null: nobody wanted to know
    OwnPtr<Rights> rights{};
    Endpoint* connection = nullptr; // referenced; the new server side

private:
    Packet(std::size_t bytes, Endpoint& from);
    ~Packet() = default;
};

using PacketList = IntrusiveList<Packet, &Packet::hook>;

/// Once. no_memory.
Result<void> init_packets();

/// Drops packets of a stream that a reader passed over.
void forget(PacketList& packets);

/// Destroys packets and whatever hangs on them: sockets sent by sockets that were sent, one after
/// the other and not one inside the other. Context: thread, no spin lock held.
void dispose(PacketList& packets);

} // namespace drupe::net
