// SPDX-License-Identifier: BSD-2-Clause
// What the socket calls have in common. Private to this room.
#pragma once

#include "file_call.h"

#include <drupe/net/socket.h>

namespace drupe::syscall {

/// Options that ask for times, and the types of what tells them. The new ones differ on 32-bit
/// machines.
enum TimestampOption : std::int32_t {
    so_timestamp = 29,
    so_timestampns = 35,
    so_timestamping = 37,
    so_timestamp_new = 63,
    so_timestampns_new = 64,
    so_timestamping_new = 65,
};

/// Bits of SO_TIMESTAMPING that messages between local sockets know of.
enum Timestamping : std::uint32_t {
    timestamping_receive_software = 1 << 3,
    timestamping_software = 1 << 4,
    timestamping_filtered = 1 << 17, // only what was asked for on the way in
};

/// A descriptor's socket for the time of one call.
class SocketAt {
public:
    explicit SocketAt(int fd) : file_(file_at(fd)) {}
    /// bad_descriptor, not_socket.
    Result<net::Socket*> get() const {
        if (!file_ || file_->is_path_only()) return Errc::bad_descriptor;
        auto* socket = vfs::file_as<net::Socket>(*file_);
        if (!socket) return Errc::not_socket;
        return socket;
    }

private:
    vfs::FileRef file_;
};

/// An address of the program's. invalid: longer than any; fault.
Result<net::Address> read_address(VirtAddr at, std::uint32_t length);
/// Writes what fits in the length that stands at `length_at`, and the true length there.
Result<void> write_address(const net::Address& address, VirtAddr at, VirtAddr length_at);

} // namespace drupe::syscall
