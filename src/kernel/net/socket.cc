// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/net/socket.h>
#include <drupe/process/process.h>
#include <drupe/process/user_usage.h>
#include <drupe/time/clock.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace drupe::net {

constinit SocketLimits socket_limits;

std::uint16_t Address::family() const {
    std::uint16_t family = 0;
    std::memcpy(&family, bytes, sizeof family);
    return family;
}

Sender running_sender() {
    process::Process& self = process::current_process();
    return {{self.pid, self.credentials.uid, self.credentials.gid},
            RefPtr<process::Process>(&self)};
}

Peer running_peer() {
    process::Process& self = process::current_process();
    IrqGuard guard{process::tasks_lock()};
    const Identity identity{self.pid, self.credentials.euid, self.credentials.egid};
    return {{identity, RefPtr<process::Process>(&self)}, self.credentials.groups};
}

Rights::~Rights() {
    delete[] files_;
    if (charged_ != 0) process::use_less(charged_uid_, process::PerUser::files_under_way, charged_);
}

Result<void> Rights::charge() {
    using process::PerUser;
    const process::Process& self = process::current_process();
    const std::uint32_t uid = self.credentials.uid;
    if (process::used_by(uid, PerUser::files_under_way) >
            self.limit(process::Resource::open_files).soft &&
        !self.credentials.is_privileged())
        return Errc::too_many_references;
    if (!process::use_more(uid, PerUser::files_under_way, count_, process::Limit::infinite))
        return Errc::no_memory;
    charged_ = count_;
    charged_uid_ = uid;
    return {};
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

std::size_t Socket::bytes_to_skip(std::uint32_t message_flags) const {
    if (!(message_flags & msg_peek)) return 0;
    return static_cast<std::size_t>(std::max(peek_offset.load(), 0));
}

void Socket::move_peek_offset(std::int64_t bytes) {
    const std::int32_t offset = peek_offset;
    if (offset < 0) return;
    peek_offset = static_cast<std::int32_t>(std::clamp<std::int64_t>(offset + bytes, 0, INT32_MAX));
}

Nanos Socket::deadline(std::uint32_t message_flags, const Relaxed<std::int64_t>& timeout) const {
    if (is_nonblocking() || (message_flags & msg_dontwait)) return {0};
    const std::int64_t span = timeout;
    if (span == Nanos::never().ns) return Nanos::never();
    return time::now() + Nanos{span};
}

Errc wait_error(Errc errc, Nanos deadline) {
    if (errc == Errc::timed_out) return Errc::would_block;
    return errc == Errc::restart && deadline != Nanos::never() ? Errc::interrupted : errc;
}

} // namespace drupe::net
