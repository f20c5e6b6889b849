// SPDX-License-Identifier: BSD-2-Clause
// All AF_UNIX endpoints: found by name, and looked through for sockets that only their own queues
// still refer to. Its lock is on no path that moves bytes.
#pragma once

#include "endpoint.h"

#include <cstdint>

namespace drupe::net {

class Table {
public:
    static Table& get() { return *table_; }
    /// Once. no_memory.
    static Result<void> init();

    void add(Endpoint& endpoint);
    /// Programs hold the endpoint by `file`, until it closes. Before it leaves a listener's queue:
    /// a collector finds it by one or the other.
    void set_file(Endpoint& endpoint, UnixSocket& file);
    void remove(Endpoint& endpoint);
    /// Makes the endpoint known by its name. address_in_use: by bytes that are taken. With
    /// `inode` names nothing is checked: the file system did.
    Result<void> publish(Endpoint& endpoint, RefPtr<UnixName> name);
    RefPtr<Endpoint> find(const vfs::Inode& inode);
    RefPtr<Endpoint> find(const Address& bytes, SocketType type);
    /// An unused name of five digits.
    Address free_name(SocketType type);
    void visit(UnixVisitor& visitor);

    /// `sender`, whose peer `receiver` is and has a full queue, is woken once there is room. False:
    /// there is some already, or the peer is another.
    bool want_room(Endpoint& sender, Endpoint& receiver);
    void tell_of_room(Endpoint& receiver);
    void forget_room(Endpoint& sender);

    /// Puts a packet with rights into a queue / takes them out: counted as one step with the move.
    template <class Move>
    Result<void> send_rights(Packet& packet, Move move) {
        SpinGuard guard(lock_);
        TRY(move());
        count_locked(*packet.rights, 1);
        return {};
    }
    OwnPtr<Rights> take_rights(Packet& packet);
    /// Copies rights out; they stay in flight. no_memory.
    Result<OwnPtr<Rights>> copy_rights(Packet& packet);
    /// Before a queue that may hold rights is dropped.
    void uncount(PacketList& packets);
    /// Drops the messages that no program can receive any more.
    void collect();

private:
    static constexpr std::size_t buckets = 64;
    using Names = IntrusiveList<Endpoint, &Endpoint::name_hook>;
    static std::size_t bucket_of(const vfs::Inode* inode);
    static std::size_t bucket_of(const Address& bytes);
    Endpoint* find_locked(const Address& bytes, SocketType type) REQUIRES(lock_);
    void count_locked(const Rights& rights, int by) REQUIRES(lock_);
    void reach_from_queue_locked(Endpoint& queue) REQUIRES(lock_);

    static Table* table_;
    SpinLock<LockRank::socket_table> lock_;
    IntrusiveList<Endpoint, &Endpoint::all_hook> all_ GUARDED_BY(lock_);
    Names names_[buckets] GUARDED_BY(lock_);
    std::uint32_t in_flight_ GUARDED_BY(lock_) = 0;
    std::uint32_t next_name_ GUARDED_BY(lock_) = 0;
};

} // namespace drupe::net
