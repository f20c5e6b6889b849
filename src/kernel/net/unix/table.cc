// SPDX-License-Identifier: BSD-2-Clause
#include "table.h"

#include "unix_socket.h"

#include <cstring>

namespace drupe::net {

constinit Table* Table::table_ = nullptr;

Result<void> Table::init() {
    table_ = TRY(make_own<Table>()).leak();
    return {};
}

void Table::add(Endpoint& endpoint) {
    SpinGuard guard(lock_);
    all_.push_back(endpoint);
}

void Table::set_file(Endpoint& endpoint, UnixSocket& file) {
    SpinGuard guard(lock_);
    SpinGuard own(endpoint.lock_);
    endpoint.file_ = &file;
}

void Table::remove(Endpoint& endpoint) {
    SpinGuard guard(lock_);
    if (endpoint.all_hook.is_linked()) all_.remove(endpoint);
    if (endpoint.name_hook.is_linked()) Names::remove(endpoint);
}

std::size_t Table::bucket_of(const vfs::Inode* inode) {
    return reinterpret_cast<std::uintptr_t>(inode) / 64 % buckets;
}

std::size_t Table::bucket_of(const Address& bytes) {
    return vfs::Name(std::string_view(bytes.bytes, bytes.length)).hash % buckets;
}

Endpoint* Table::find_locked(const Address& bytes, SocketType type) {
    for (Endpoint& endpoint : names_[bucket_of(bytes)]) {
        const UnixName& name = *endpoint.name();
        if (!name.dentry && endpoint.type == type && name.address.length == bytes.length &&
            std::memcmp(name.address.bytes, bytes.bytes, bytes.length) == 0)
            return &endpoint;
    }
    return nullptr;
}

Result<void> Table::publish(Endpoint& endpoint, RefPtr<UnixName> name) {
    SpinGuard guard(lock_);
    const vfs::Inode* inode = name->inode();
    if (!inode && find_locked(name->address, endpoint.type)) return Errc::address_in_use;
    names_[inode ? bucket_of(inode) : bucket_of(name->address)].push_back(endpoint);
    endpoint.set_name(std::move(name));
    return {};
}

RefPtr<Endpoint> Table::find(const vfs::Inode& inode) {
    SpinGuard guard(lock_);
    for (Endpoint& endpoint : names_[bucket_of(&inode)])
        if (endpoint.name()->inode() == &inode) return RefPtr<Endpoint>(&endpoint);
    return {};
}

RefPtr<Endpoint> Table::find(const Address& bytes, SocketType type) {
    SpinGuard guard(lock_);
    return RefPtr<Endpoint>(find_locked(bytes, type));
}

Address Table::free_name(SocketType type) {
    constexpr std::uint32_t names = 0x100000; // five hexadecimal digits
    Address address;
    std::memcpy(address.bytes, &family_unix, sizeof family_unix);
    address.length = 8;
    SpinGuard guard(lock_);
    for (std::uint32_t tried = 0; tried < names; tried++) {
        const std::uint32_t number = next_name_++ % names;
        for (unsigned digit = 0; digit < 5; digit++)
            address.bytes[3 + digit] = "0123456789abcdef"[number >> (16 - 4 * digit) & 15];
        if (!find_locked(address, type)) break;
    }
    return address;
}

void Table::visit(UnixVisitor& visitor) {
    SpinGuard guard(lock_);
    for (Endpoint& endpoint : all_) {
        const UnixName* name = endpoint.name();
        UnixSocket* file = endpoint.file_;
        const State state = endpoint.state;
        visitor.visit({state == State::listening, state == State::connected, file != nullptr,
                       endpoint.type, file ? file->inode().ino() : 0,
                       name ? std::string_view(name->address.bytes + 2, name->address.length - 2)
                            : std::string_view{}});
    }
}

// ---- room in a full queue

bool Table::want_room(Endpoint& sender, Endpoint& receiver) {
    SpinGuard guard(lock_);
    if (sender.peer().get() != &receiver) return false;
    if (!sender.waits_hook.is_linked()) receiver.room_wanted.push_back(sender);
    receiver.is_room_wanted = true;
    // Either the receiver sees the wish, or its taking is seen here: pairs with the fence in
    // Endpoint::tell_of_room().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return receiver.is_full();
}

void Table::tell_of_room(Endpoint& receiver) {
    SpinGuard guard(lock_);
    receiver.is_room_wanted = false;
    while (Endpoint* sender = receiver.room_wanted.pop_front())
        sender->writable.wake_all(vfs::poll_out | vfs::poll_wrnorm | vfs::poll_wrband);
}

void Table::forget_room(Endpoint& sender) {
    SpinGuard guard(lock_);
    if (sender.waits_hook.is_linked()) decltype(sender.room_wanted)::remove(sender);
}

// ---- files on their way

namespace {

Endpoint* endpoint_of(vfs::File& file) {
    auto* socket = vfs::file_as<Socket>(file);
    if (!socket || socket->family != family_unix) return nullptr;
    return &static_cast<UnixSocket*>(socket)->endpoint();
}

} // namespace

void Table::count_locked(const Rights& rights, int by) {
    for (std::size_t i = 0; i < rights.count(); i++) {
        Endpoint* endpoint = endpoint_of(*rights[i]);
        if (!endpoint) continue;
        endpoint->in_flight += static_cast<std::uint32_t>(by);
        in_flight_ += static_cast<std::uint32_t>(by);
    }
}

OwnPtr<Rights> Table::take_rights(Packet& packet) {
    SpinGuard guard(lock_);
    if (packet.rights) count_locked(*packet.rights, -1);
    return std::move(packet.rights);
}

Result<OwnPtr<Rights>> Table::copy_rights(Packet& packet) {
    OwnPtr<Rights> copy = TRY(Rights::create(packet.rights->count()));
    // Under the lock: a collector that saw the old count would drop what we are to receive.
    SpinGuard guard(lock_);
    for (std::size_t i = 0; i < packet.rights->count(); i++) copy->add((*packet.rights)[i]);
    return copy;
}

void Table::uncount(PacketList& packets) {
    SpinGuard guard(lock_);
    for (Packet& packet : packets)
        if (packet.rights) count_locked(*packet.rights, -1);
}

void Table::reach_from_queue_locked(Endpoint& queue) {
    SpinGuard guard(queue.lock_);
    for (Packet& packet : queue.queue_) {
        for (std::size_t i = 0; packet.rights && i < packet.rights->count(); i++) {
            Endpoint* endpoint = endpoint_of(*(*packet.rights)[i]);
            if (endpoint && endpoint->mark == Endpoint::Mark::unreached)
                endpoint->mark = Endpoint::Mark::reached;
        }
        if (packet.connection && packet.connection->mark == Endpoint::Mark::unreached)
            packet.connection->mark = Endpoint::Mark::reached;
    }
}

/// A socket that is referred to from outside of queues can be received from, and so can those it
/// holds. What is left can only be reached from itself: its messages go, and it with them.
void Table::collect() {
    PacketList lost;
    {
        SpinGuard guard(lock_);
        if (in_flight_ == 0) return;
        for (Endpoint& endpoint : all_) {
            UnixSocket* file = endpoint.file_;
            const bool is_held = file && file->use_count() > endpoint.in_flight;
            endpoint.mark = is_held ? Endpoint::Mark::reached : Endpoint::Mark::unreached;
        }
        for (bool again = true; again;) {
            again = false;
            for (Endpoint& endpoint : all_) {
                if (endpoint.mark != Endpoint::Mark::reached) continue;
                endpoint.mark = Endpoint::Mark::scanned;
                reach_from_queue_locked(endpoint);
                again = true;
            }
        }
        for (Endpoint& endpoint : all_) {
            if (endpoint.mark != Endpoint::Mark::unreached || endpoint.in_flight == 0) continue;
            SpinGuard queue(endpoint.lock_);
            endpoint.take_all(lost);
        }
        for (Packet& packet : lost)
            if (packet.rights) count_locked(*packet.rights, -1);
    }
    for (Packet& packet : lost)
        if (packet.connection) packet.connection->close();
    dispose(lost);
}

} // namespace drupe::net
