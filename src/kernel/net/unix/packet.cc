// SPDX-License-Identifier: BSD-2-Clause
#include "packet.h"

#include "endpoint.h"
#include "table.h"

#include <new>
#include <utility>

namespace drupe::net {
namespace {

/// What is being destroyed at the moment. What that destroys in turn is queued behind it.
struct Doomed {
    SpinLock<LockRank::socket> lock;
    PacketList packets GUARDED_BY(lock);
    bool is_busy GUARDED_BY(lock) = false;
};

constinit Doomed* doomed = nullptr;

} // namespace

Result<void> init_packets() {
    doomed = TRY(make_own<Doomed>()).leak();
    return {};
}

Packet::Packet(std::size_t bytes, Endpoint& from)
    : size(static_cast<std::uint32_t>(bytes)), sender(&from) {
    from.retain();
}

Result<Packet*> Packet::create(std::size_t size, Endpoint& sender) {
    void* memory = ::operator new(sizeof(Packet) + size, std::nothrow);
    if (!memory) return Errc::no_memory;
    auto* packet = new (memory) Packet(size, sender);
    sender.charge(*packet);
    return packet;
}

void Packet::name_sender() {
    if (process) return;
    Sender running = running_sender();
    identity = running.identity;
    process = std::move(running.process);
}

void Packet::destroy(Packet* packet) {
    packet->sender->uncharge(packet->charge);
    packet->sender->release();
    if (packet->connection) packet->connection->release();
    packet->~Packet();
    ::operator delete(packet);
}

void dispose(PacketList& packets) {
    Doomed& all = *doomed;
    {
        SpinGuard guard(all.lock);
        while (Packet* packet = packets.pop_front()) all.packets.push_back(*packet);
        if (all.is_busy) return; // somebody is at it, perhaps further up this very stack
        all.is_busy = true;
    }
    for (;;) {
        Packet* packet = nullptr;
        {
            SpinGuard guard(all.lock);
            packet = all.packets.pop_front();
            if (!packet) all.is_busy = false;
        }
        if (!packet) return;
        Packet::destroy(packet);
    }
}

void forget(PacketList& packets) {
    if (packets.is_empty()) return;
    Table::get().uncount(packets); // with what came with the byte
    dispose(packets);
}

} // namespace drupe::net
