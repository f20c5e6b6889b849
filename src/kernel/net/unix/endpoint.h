// SPDX-License-Identifier: BSD-2-Clause
// What an AF_UNIX socket is, apart from the file that programs hold: endpoints refer to each other,
// and outlive their files as long as messages of theirs wait elsewhere.
#pragma once

#include "packet.h"

#include <drupe/base/relaxed.h>
#include <drupe/net/socket.h>
#include <drupe/net/unix.h>
#include <drupe/sched/mutex.h>
#include <drupe/sched/wait_queue.h>
#include <drupe/sync/spin_lock.h>

#include <atomic>

namespace drupe::net {

class UnixSocket;

/// A name in use. Never changes, so that accepted sockets share their listener's.
struct UnixName : RefCounted<UnixName> {
    Address address;
    RefPtr<vfs::Dentry> dentry; // of a path's socket node; null: the name is bytes
    const vfs::Inode* inode() const { return dentry ? dentry->inode() : nullptr; }
};

enum class State : std::uint8_t { closed, listening, connected };

class Endpoint : public RefCounted<Endpoint> {
public:
    explicit Endpoint(SocketType t) : type(t) {}
    ~Endpoint();
    static void destroy(Endpoint* endpoint) { delete endpoint; }
    bool is_connection() const { return type != SocketType::datagram; }

    /// The last file is gone: tells the other side, gives the name back, drops what was not read.
    void close();
    /// Another peer, or none; a datagram socket also forgets what its former one sent.
    void set_peer(RefPtr<Endpoint> peer);
    RefPtr<Endpoint> peer();
    /// Set before the peer is.
    void set_peer_credentials(Peer credentials);
    Peer peer_credentials();
    UnixName* name() const { return name_.load(std::memory_order_acquire); }
    /// Once.
    void set_name(RefPtr<UnixName> name);

    // Sending. Bytes are charged to the sender until somebody has read them.
    bool has_room() const { return charged_ < send_buffer; }
    bool is_writable() const;
    void charge(Packet& packet);
    /// From the receiver, when the packet goes.
    void uncharge(std::uint32_t bytes);
    std::uint32_t charged() const { return charged_; }

    // Receiving. Only a holder of `reading` takes packets off; they may be looked at meanwhile.
    /// shut_down, refused (it is gone), would_block (full, and `sender` is not its peer, or wants
    /// to connect).
    Result<void> deliver(Packet& packet, const Endpoint& sender);
    Packet* front();
    Packet* after(Packet& packet);
    void set_filter(RefPtr<SocketFilter> filter);
    RefPtr<SocketFilter> filter();
    bool has_filter() const { return has_filter_; }
    /// Takes the packet off the queue; it stays the caller's.
    void take(Packet& packet);
    // Hints: who acts on them takes the lock.
    bool has_packets() const { return packets_ != 0; }
    bool is_full() const { return packets_ > backlog; }
    std::uint64_t queued_bytes(bool first_only);
    /// The message that holds byte `skip` of all; `skip` becomes the byte in it. Null: none does.
    Packet* message_at(std::size_t& skip);

    // The urgent byte of a stream (urgent.cc). The last one sent is it; taken out, it leaves an
    // empty packet as a mark.
    struct Reading {
        bool peeks, keeps_urgent, has_read;
    };
    Packet* urgent() const { return urgent_; }
    bool is_mark(const Packet& packet) const { return packet.left() == 0 || &packet == urgent(); }
    /// The packet to read on with from `at`, a mark. What that drops goes to `gone`. Null: the
    /// reader stops here, or there is none. Holding `reading`.
    Packet* past_mark(Packet& at, Reading how, PacketList& gone);
    /// The urgent byte is received, and the mark in front of it has had its day.
    void use_urgent(Packet& packet, PacketList& gone);
    bool is_at_mark();
    /// Would a peek from byte `skip` on find something?
    bool has_bytes_at(std::size_t skip, bool keeps_urgent);
    /// SIGURG to the file's owner.
    void tell_urgent();

    void set_error(Errc errc) { error_ = errc; }
    Errc take_error() { return error_ == Errc::ok ? Errc::ok : error_.exchange(Errc::ok); }
    bool has_error() const { return error_ != Errc::ok; }
    /// Whoever looks afterwards finds what was sent before, and the error that came with the end.
    bool is_shut(Shutdown how) const { return (shut() & how) == how; }
    Shutdown shut() const { return static_cast<Shutdown>(shut_.load(std::memory_order_acquire)); }
    /// Behind all that: pairs with the acquire above.
    void shut(Shutdown how) { shut_.fetch_or(how, std::memory_order_release); }
    /// Everybody looks again.
    void changed();
    /// The sender waits for room, or would: who listens is told of the next room. True: look again.
    bool miss_room() {
        if (!async.has_any()) return false;
        misses_room_ = true;
        // Before the caller's next look at the room: pairs with the fence of uncharge()'s wake-up.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return true;
    }

    const SocketType type;
    Relaxed<State> state{State::closed}; // what comes with it was done under lock_, and is read so
    Relaxed<bool> is_dead{false};        // its file is gone
    Relaxed<std::uint32_t> backlog{socket_limits.unix_datagrams}; // until listen() says
    Relaxed<std::uint32_t> send_buffer{socket_limits.send};
    sched::Mutex reading;
    sched::WaitQueue readable, writable;
    sched::WaitQueue room; // of this queue: senders and connectors wait
    vfs::AsyncFiles async;
    Relaxed<std::uint32_t> stream_readers{0}; // asleep: they need no signal

    Relaxed<std::uint32_t> switches{0}; // Switch's bits
    bool has(std::uint32_t any) const { return (switches & any) != 0; }

    // The table's, under its lock.
    ListHook all_hook, name_hook;
    std::uint32_t in_flight = 0; // references to the file from packets in queues
    enum class Mark : std::uint8_t { unreached, reached, scanned } mark = Mark::unreached;
    ListHook waits_hook; // on room_wanted of its peer
    IntrusiveList<Endpoint, &Endpoint::waits_hook> room_wanted;
    Relaxed<bool> is_room_wanted{false};

private:
    friend class Table;
    /// To whoever waits for room in this queue. There may be none.
    void tell_of_room();
    void take_all(PacketList& into) REQUIRES(lock_);
    void unlink(Packet& packet) REQUIRES(lock_);
    Packet* past_mark_locked(Packet* at, Reading how, PacketList& gone) REQUIRES(lock_);

    std::atomic<UnixName*> name_{nullptr}; // owned
    std::atomic<std::uint8_t> shut_{0};
    Relaxed<Errc> error_{Errc::ok};
    Relaxed<std::uint32_t> charged_{0};
    Relaxed<std::uint32_t> packets_{0}; // written under lock_
    Relaxed<bool> misses_room_{false};
    SpinLock<LockRank::socket> lock_;
    // What programs hold; null: not accepted yet, or gone. Set under the table's lock, too: either
    // is enough to look at it.
    UnixSocket* file_ = nullptr;
    RefPtr<Endpoint> peer_ GUARDED_BY(lock_);
    Peer peer_credentials_ GUARDED_BY(lock_);
    RefPtr<SocketFilter> filter_ GUARDED_BY(lock_);
    Relaxed<bool> has_filter_{false}; // a hint
    PacketList queue_ GUARDED_BY(lock_);
    Relaxed<Packet*> urgent_{nullptr}; // in the queue; written under lock_
};

} // namespace drupe::net
