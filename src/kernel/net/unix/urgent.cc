// SPDX-License-Identifier: BSD-2-Clause
// The urgent byte of a stream (MSG_OOB): where readers stop, what they pass over, who is told.
#include "unix_socket.h"

#include <drupe/process/file_owner.h>

namespace drupe::net {

Packet* Endpoint::past_mark_locked(Packet* at, Reading how, PacketList& gone) {
    const auto drop = [&](Packet& packet) REQUIRES(lock_) {
        unlink(packet);
        gone.push_back(packet);
    };
    if (at->left() == 0) {
        // What was read ends at the mark, unless a newer urgent byte stands elsewhere.
        if (how.has_read && (!urgent() || at == urgent())) return nullptr;
        Packet* const following = queue_.next(*at);
        if (!how.peeks) drop(*at);
        at = following;
    }
    if (!at || at != urgent()) return at;
    if (how.has_read) return nullptr;
    if (how.keeps_urgent) {
        if (!how.peeks) urgent_ = nullptr; // a byte like others
        return at;
    }
    if (how.peeks) return queue_.next(*at);
    drop(*at);
    return queue_.front();
}

Packet* Endpoint::past_mark(Packet& at, Reading how, PacketList& gone) {
    SpinGuard guard(lock_);
    return past_mark_locked(&at, how, gone);
}

bool Endpoint::has_bytes_at(std::size_t skip, bool keeps_urgent) {
    PacketList none; // a look drops nothing
    SpinGuard guard(lock_);
    Packet* at = queue_.front();
    if (at && is_mark(*at)) at = past_mark_locked(at, {true, keeps_urgent, false}, none);
    for (; at && skip >= at->left(); at = queue_.next(*at)) skip -= at->left();
    return at != nullptr;
}

void Endpoint::use_urgent(Packet& packet, PacketList& gone) {
    SpinGuard guard(lock_);
    urgent_ = nullptr;
    Packet* before = nullptr;
    for (Packet& other : queue_) {
        if (&other == &packet) break;
        before = &other;
    }
    if (!before || before->left() != 0) return;
    unlink(*before);
    gone.push_back(*before);
}

bool Endpoint::is_at_mark() {
    SpinGuard guard(lock_);
    Packet* const first = queue_.front();
    if (!first) return false;
    if (first == urgent()) return true;
    return first->left() == 0 && (!urgent() || queue_.next(*first) == urgent());
}

void Endpoint::tell_urgent() {
    process::FileOwner owner;
    {
        SpinGuard guard(lock_);
        if (file_) owner = process::FileOwner(*file_);
    }
    if (owner.id() == 0) return;
    owner.send(process::sigurg);
    async.tell(vfs::AsyncEvent::priority);
}

Result<std::size_t> UnixSocket::receive_urgent(Incoming& message) {
    Endpoint& self = *endpoint_;
    if (self.state != State::connected) return Errc::invalid;
    PacketList gone;
    bool is_put = false;
    {
        sched::MutexGuard guard(endpoint_->reading);
        Packet* const packet = self.urgent();
        if (!packet || has(switch_oob_inline)) return Errc::invalid;
        const bool peeks = (message.flags & msg_peek) != 0;
        if (!peeks) self.use_urgent(*packet, gone);
        const bool has_no_room = message.data.size() == 0; // it is received all the same
        const Result<std::size_t> put = message.data.put(packet->bytes(), 1);
        is_put = has_no_room || (put.ok() && put.value() == 1);
        if (!peeks) packet->taken = 1;
    }
    forget(gone);
    if (!is_put) return Errc::fault; // and the byte is gone, as on Linux
    message.flags_out |= msg_oob;
    return std::size_t{1};
}

} // namespace drupe::net
