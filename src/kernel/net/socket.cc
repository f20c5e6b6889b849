// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/net/socket.h>
#include <drupe/process/process.h>
#include <drupe/time/clock.h>

#include <cstring>
#include <new>

namespace drupe::net {

std::uint16_t Address::family() const {
    std::uint16_t family = 0;
    std::memcpy(&family, bytes, sizeof family);
    return family;
}

Identity real_identity() {
    const process::Process& self = process::current_process();
    return {self.pid, self.credentials.uid, self.credentials.gid};
}

Identity effective_identity() {
    const process::Process& self = process::current_process();
    return {self.pid, self.credentials.euid, self.credentials.egid};
}

Result<OwnPtr<Rights>> Rights::create(std::size_t capacity) {
    auto* files = new (std::nothrow) RefPtr<vfs::File>[capacity];
    if (!files) return Errc::no_memory;
    auto* rights = new (std::nothrow) Rights(files);
    if (rights) return OwnPtr<Rights>(rights);
    delete[] files;
    return Errc::no_memory;
}

Result<OwnPtr<Rights>> Rights::copy() const {
    OwnPtr<Rights> copy = TRY(create(count_));
    for (std::size_t i = 0; i < count_; i++) copy->add(files_[i]);
    return copy;
}

Result<std::size_t> Socket::read(vfs::IoBuffer& buffer) {
    if (buffer.size() == 0) return std::size_t{0}; // waits for nothing
    Incoming message{.data = buffer};
    return receive(message);
}

Result<std::size_t> Socket::write(vfs::IoBuffer& buffer) {
    Outgoing message{.data = buffer};
    return send(message);
}

Nanos Socket::deadline(std::uint32_t message_flags,
                       const std::atomic<std::int64_t>& timeout) const {
    if (is_nonblocking() || (message_flags & msg_dontwait)) return {0};
    const std::int64_t span = timeout.load(std::memory_order_relaxed);
    if (span == Nanos::never().ns) return Nanos::never();
    return time::now() + Nanos{span};
}

Errc wait_error(Errc errc, Nanos deadline) {
    if (errc == Errc::timed_out) return Errc::would_block;
    return errc == Errc::restart && deadline != Nanos::never() ? Errc::interrupted : errc;
}

} // namespace drupe::net
