// SPDX-License-Identifier: BSD-2-Clause
// The address family AF_UNIX: sockets of one machine, named by paths or by bytes of their own.
#pragma once

#include <drupe/net/socket.h>

#include <string_view>

namespace drupe::net {

inline constexpr std::uint16_t family_unix = 1;

/// Once, before the first socket. no_memory.
Result<void> init_unix();

/// flags: open_nonblock. no_memory.
Result<RefPtr<Socket>> create_unix_socket(SocketType type, std::uint32_t flags);
struct SocketPair {
    RefPtr<Socket> first, second;
};
Result<SocketPair> create_unix_pair(SocketType type, std::uint32_t flags);

/// For /proc/net/unix: one socket as it is now.
struct UnixReport {
    bool is_listening, is_connected, is_accepted;
    SocketType type;
    std::uint64_t ino;
    std::string_view name; // as in sun_path
};
class UnixVisitor {
public:
    virtual void visit(const UnixReport& report) = 0;

protected:
    ~UnixVisitor() = default;
};
/// Calls visit for each, under a spin lock.
void visit_unix_sockets(UnixVisitor& visitor);

} // namespace drupe::net
