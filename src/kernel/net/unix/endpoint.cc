// SPDX-License-Identifier: BSD-2-Clause
#include "endpoint.h"

#include "table.h"

#include <utility>

namespace drupe::net {
namespace {

constexpr std::uint32_t key_in = vfs::poll_in | vfs::poll_rdnorm | vfs::poll_rdband;
constexpr std::uint32_t key_out = vfs::poll_out | vfs::poll_wrnorm | vfs::poll_wrband;

} // namespace

Endpoint::~Endpoint() {
    DRUPE_ASSERT(!all_hook.is_linked());
    if (UnixName* name = name_.load(std::memory_order_relaxed)) name->release();
}

void Endpoint::set_name(RefPtr<UnixName> name) {
    DRUPE_ASSERT(!name_.load(std::memory_order_relaxed));
    name_.store(name.leak(), std::memory_order_release);
}

RefPtr<Endpoint> Endpoint::peer() {
    SpinGuard guard(lock_);
    return peer_;
}

void Endpoint::set_peer_credentials(Peer credentials) {
    SpinGuard guard(lock_);
    std::swap(peer_credentials_, credentials); // the former go without the lock
}

void Endpoint::set_filter(RefPtr<SocketFilter> filter) {
    SpinGuard guard(lock_);
    has_filter_ = filter.get() != nullptr;
    std::swap(filter_, filter); // the former goes without the lock
}

RefPtr<SocketFilter> Endpoint::filter() {
    SpinGuard guard(lock_);
    return filter_;
}

Peer Endpoint::peer_credentials() {
    SpinGuard guard(lock_);
    return peer_credentials_;
}

void Endpoint::set_peer(RefPtr<Endpoint> peer) {
    RefPtr<Endpoint> former;
    PacketList forgotten;
    const bool is_datagram = type == SocketType::datagram;
    {
        sched::MutexGuard taking(reading); // who reads has a packet of the queue in its hands
        SpinGuard guard(lock_);
        former = std::move(peer_);
        peer_ = peer;
        if (is_datagram && former && former != peer) take_all(forgotten);
    }
    if (!former || !is_datagram || former == peer) return;
    Table::get().forget_room(*this);
    Table::get().uncount(forgotten);
    dispose(forgotten);
    tell_of_room(); // others had sent, too
    if (former->is_dead || former->peer().get() != this) return;
    former->set_error(Errc::connection_reset);
    former->changed();
}

bool Endpoint::is_writable() const {
    return state != State::listening && std::uint64_t{charged()} * 4 <= send_buffer;
}

void Endpoint::charge(Packet& packet) {
    packet.charge = static_cast<std::uint32_t>(packet.size + sizeof(Packet));
    charged_ += packet.charge;
}

void Endpoint::uncharge(std::uint32_t bytes) {
    charged_ -= bytes;
    if (!is_writable()) return;
    writable.wake_all(key_out);
    if (misses_room_ && misses_room_.exchange(false)) async.tell(vfs::AsyncEvent::out);
}

void Endpoint::changed() {
    readable.wake_all();
    writable.wake_all();
}

Result<void> Endpoint::deliver(Packet& packet, const Endpoint& sender) {
    SpinGuard guard(lock_);
    if (is_dead) return Errc::refused;
    if (is_shut(no_receive)) return Errc::shut_down;
    const bool may_be_refused = type == SocketType::datagram
                                    ? &sender != this && peer_.get() != &sender
                                    : packet.connection != nullptr;
    if (may_be_refused && is_full()) return Errc::would_block;
    queue_.push_back(packet);
    if (packet.is_urgent) urgent_ = &packet;
    packets_ = packets_ + 1;
    return {};
}

Packet* Endpoint::front() {
    SpinGuard guard(lock_);
    return queue_.front();
}

Packet* Endpoint::after(Packet& packet) {
    SpinGuard guard(lock_);
    return queue_.next(packet);
}

void Endpoint::unlink(Packet& packet) {
    queue_.remove(packet);
    if (&packet == urgent()) urgent_ = nullptr;
    packets_ = packets_ - 1;
}

void Endpoint::take(Packet& packet) {
    {
        SpinGuard guard(lock_);
        unlink(packet);
    }
    if (type == SocketType::datagram || packet.connection) tell_of_room();
}

void Endpoint::tell_of_room() {
    room.wake_all(key_out); // its fence pairs with that of Table::want_room()
    if (is_room_wanted) Table::get().tell_of_room(*this);
}

void Endpoint::take_all(PacketList& into) {
    while (Packet* packet = queue_.pop_front()) into.push_back(*packet);
    urgent_ = nullptr;
    packets_ = 0;
}

std::uint64_t Endpoint::queued_bytes(bool first_only) {
    SpinGuard guard(lock_);
    std::uint64_t sum = 0;
    for (Packet& packet : queue_) {
        sum += packet.left();
        if (first_only) break;
    }
    return sum;
}

Packet* Endpoint::message_at(std::size_t& skip) {
    SpinGuard guard(lock_);
    for (Packet& packet : queue_) {
        if (skip < packet.size || (skip == 0 && !packet.is_peeked)) return &packet;
        skip -= packet.size;
    }
    return nullptr;
}

void Endpoint::close() {
    Table& table = Table::get();
    table.forget_room(*this);
    table.remove(*this);
    RefPtr<Endpoint> peer;
    PacketList unread;
    bool was_accepted = true, loses_bytes = false;
    {
        SpinGuard guard(lock_);
        is_dead = true;
        was_accepted = std::exchange(file_, nullptr) != nullptr;
        peer = std::move(peer_);
        const Packet* first = queue_.front();
        if (first && first->left() == 0) first = queue_.next(*queue_.front()); // the mark
        loses_bytes = first != nullptr;
        take_all(unread);
    }
    shut(no_traffic);
    if (peer && is_connection()) {
        // What was sent and not read is lost; the other side is told once, and before the end.
        if (loses_bytes || !was_accepted) peer->set_error(Errc::connection_reset);
        peer->shut(no_traffic);
        peer->changed();
        peer->async.tell(vfs::AsyncEvent::hang_up);
    }
    room.wake_all();
    table.tell_of_room(*this);
    for (Packet& packet : unread)
        if (packet.connection) packet.connection->close();
    table.uncount(unread);
    dispose(unread);
}

} // namespace drupe::net
