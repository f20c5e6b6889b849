// SPDX-License-Identifier: BSD-2-Clause
// The address family AF_NETLINK, as far as a machine without a network needs it: sockets on which
// the kernel tells programs something. Nobody in it answers, so that what is sent is refused.
#pragma once

#include <drupe/net/socket.h>

#include <cstddef>
#include <span>

namespace drupe::net {

inline constexpr std::uint16_t family_netlink = 16;

/// flags: open_nonblock. no_memory.
Result<RefPtr<Socket>> create_netlink_socket(std::uint32_t flags);

/// Something that the kernel will tell a socket, made beforehand so that telling cannot fail.
class NetlinkNotice {
public:
    static constexpr std::size_t most = 32;
    /// invalid: a socket of another family.
    static Result<OwnPtr<NetlinkNotice>> create(RefPtr<vfs::File> socket,
                                                std::span<const std::byte> bytes);
    ~NetlinkNotice();
    std::span<std::byte> bytes();
    /// It is queued, once. Context: thread.
    void tell();

private:
    struct Parts;
    explicit NetlinkNotice(Parts* parts) : parts_(parts) {}
    Parts* parts_;
};

} // namespace drupe::net
