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
    static Result<Packet*> create(std::size_t size, Endpoint& sender, const Identity& identity);
    /// Gives back what it was charged for. Its rights must be gone, or never counted as in flight.
    static void destroy(Packet* packet);
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    std::uint32_t left() const { return size - taken; }

    ListHook hook;
    std::uint32_t size;      // may be cut before it is sent
    std::uint32_t taken = 0; // bytes read already
    std::uint32_t charge = 0;
    Identity identity;
    Nanos sent_at{0};
    Endpoint* sender; // referenced
    OwnPtr<Rights> rights{};
    Endpoint* connection = nullptr; // referenced; the new server side

private:
    Packet(std::size_t bytes, Endpoint& from, const Identity& who);
    ~Packet() = default;
};

using PacketList = IntrusiveList<Packet, &Packet::hook>;

/// Once. no_memory.
Result<void> init_packets();

/// Destroys packets and whatever hangs on them: sockets sent by sockets that were sent, one after
/// the other and not one inside the other. Context: thread, no spin lock held.
void dispose(PacketList& packets);

} // namespace drupe::net
